// Chooses and builds the decision structure.
#pragma once

#include "compiler/ir/decision.h"

namespace weir::ir {

void build(Decision& decision);

}  // namespace weir::ir
