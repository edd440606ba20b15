// Boxes -> forests: which boxes concern which kind of packet, into how many trees they go, and how deep those are cut.
#pragma once

#include "compiler/ir/box.h"
#include "compiler/ir/decision.h"

namespace weir::ir {

class BuildMemory;

// Fills decision.forests and decision.residuals.
void build_forest(Decision& decision, const Boxes& boxes, BuildMemory* memory = nullptr);

}  // namespace weir::ir
