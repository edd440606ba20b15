// `weir compile --emit decision`: the structure as text. Golden-tested, so kept stable.
#pragma once

#include <string>

#include "compiler/ir/decision.h"
#include "compiler/sema/typed_policy.h"

namespace weir::ir {

std::string print(const Decision& decision, const sema::TypedPolicy& policy);

}  // namespace weir::ir
