// Whether a mutant decides every packet as the policy does.
#pragma once

#include "compiler/policy/typed_policy.h"
#include "tooling/judge/mutant.h"

namespace weir::tooling {

// True where that is proved with sets of packets; false where it is not so, or not known (state, large policies).
// `changed`: the policy with the mutant applied.
bool is_equivalent(const policy::TypedPolicy& policy, const policy::TypedPolicy& changed, const Mutant& mutant);

}  // namespace weir::tooling
