// Chooses and builds the decision structure.
#pragma once

#include "compiler/ir/decision.h"

namespace weir::ir {

// Straight-line code for few rules, else forests; decision.reason says why.
void build(Decision& decision);

// The same rules where none decides (`weir run --observe`), with a structure of its own.
Decision observed(const Decision& decision);

}  // namespace weir::ir
