// `weir compile --emit decision`: the structure as text. Golden files test it, so keep it stable.
#pragma once

#include <string>

#include "compiler/ir/decision.h"
#include "compiler/policy/typed_policy.h"

namespace weir::ir {

std::string print(const Decision& decision, const policy::TypedPolicy& policy);

}  // namespace weir::ir
