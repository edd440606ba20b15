// policy::TypedPolicy -> ir::Decision, and the choice of structure.
#pragma once

#include "compiler/ir/decision.h"
#include "compiler/policy/typed_policy.h"

namespace weir::ir {

// Predicates and rules; the structure is not built yet. `line_of` numbers come from `sources` by the caller: see
// Rule::line.
Decision lower(const policy::TypedPolicy& policy);

}  // namespace weir::ir
