// What is allowed and hardly meant: rules that no packet reaches (W401), rules that change nothing (W402), conditions
// that never hold (W403), and the mistakes of suspects.h. Exact as far as it goes, and never wrong: what it cannot
// prove, it does not say.
#pragma once

#include "compiler/policy/typed_policy.h"
#include "grammar/diagnostic.h"

namespace weir::analysis {

// False where the policy was too much for the bounds on memory and time (bdd.h): not every rule was judged then, and
// what was said holds all the same.
[[nodiscard]] bool lint(const policy::TypedPolicy& policy, Diagnostics& diagnostics);

// W405: an observed rule adds to a set, and a rule that is enforced reads it.
void warn_observed_sets(const policy::TypedPolicy& policy, Diagnostics& diagnostics);
// W453: a rule reads a field that packets of its direction lack.
void warn_lacking(const policy::TypedPolicy& policy, Diagnostics& diagnostics);

}  // namespace weir::analysis
