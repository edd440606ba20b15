// What is allowed and hardly meant: rules that no packet reaches (W401), rules that change nothing (W402), conditions
// that never hold (W403), parts of them that change nothing (W414), and the mistakes of suspects.h. Exact as far as it
// goes, and never wrong: what it cannot prove, it does not say.
#pragma once

#include <string>
#include <vector>

#include "compiler/policy/typed_policy.h"
#include "grammar/diagnostic.h"

namespace weir::analysis {

// Rules that were too much for the bounds on memory and time (reach.h), in the policy's order: what was not proved of
// them was not said. True where there is none.
struct Judged {
    std::vector<std::string> left_out;

    explicit operator bool() const { return left_out.empty(); }
};
[[nodiscard]] Judged lint(const policy::TypedPolicy& policy, Diagnostics& diagnostics);

// W405: an observed rule adds to a set, and a rule that is enforced reads it.
void warn_observed_sets(const policy::TypedPolicy& policy, Diagnostics& diagnostics);
// W453: a rule reads a field that packets of its direction lack.
void warn_lacking(const policy::TypedPolicy& policy, Diagnostics& diagnostics);

}  // namespace weir::analysis
