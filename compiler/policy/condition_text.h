// A typed condition in words: what a state term belongs to, from one policy to the next.
#pragma once

#include <string>

#include "compiler/policy/typed_policy.h"

namespace weir::policy {

// "http.status in 500..599 and not tcp.syn": conditions with the same text mean the same. Names of lets are resolved;
// what is long ends in a number for the whole.
std::string condition_text(const TypedPolicy& policy, ExprId condition);

}  // namespace weir::policy
