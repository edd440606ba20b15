// policy::TypedPolicy -> ir::Decision, and the choice of structure.
#pragma once

#include "compiler/ir/decision.h"
#include "compiler/policy/typed_policy.h"

namespace weir::ir {

// Predicates and rules; the structure is not built yet. `line_of` numbers come from `sources` by the caller: see
// Rule::line.
Decision lower(const policy::TypedPolicy& policy);
// The same policy for packets on their way out. Numbers of rules, terms, changes and `iface` conditions are those of
// `in`, which gets the conditions that only rules on the way out have: both programs share their maps. Rules of the
// other direction are there, and never match.
Decision lower_egress(const policy::TypedPolicy& policy, Decision& in);

}  // namespace weir::ir
