// What two policies do otherwise that no packet's verdict, deciding rule or alerts show: sets that rules change,
// measures, what becomes of an alert, sizes.
#pragma once

#include <string>
#include <vector>

#include "compiler/policy/typed_policy.h"

namespace weir::analysis {

// Sentences: "rule ssh: add ip.src to blocked for 2h, before add ip.src to blocked for 1h". Notes and tests do not
// count.
std::vector<std::string> other_changes(const policy::TypedPolicy& before, const policy::TypedPolicy& after);

}  // namespace weir::analysis
