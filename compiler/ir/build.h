// Chooses and builds the decision structure.
#pragma once

#include "compiler/ir/decision.h"

namespace weir::ir {

class BuildMemory;

// Straight-line code for few rules, else forests; decision.reason says why. `memory`: of the builds before, for the
// next.
void build(Decision& decision, BuildMemory* memory = nullptr);

// The same rules where none decides (`weir run --observe`), with a structure of its own.
Decision observed(const Decision& decision);

}  // namespace weir::ir
