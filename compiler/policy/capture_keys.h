// What `capture before` asks of the recorder.
#pragma once

#include <vector>

#include "compiler/policy/typed_policy.h"

namespace weir::policy {

// The different keys of the rules' `capture before`, in the order in which they are first written.
std::vector<std::vector<KeyField>> capture_keys(const TypedPolicy& policy);

}  // namespace weir::policy
