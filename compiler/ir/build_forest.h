// Boxes -> forests: which boxes a kind of packet can match, how they are divided into trees, and how these are cut.
#pragma once

#include "compiler/ir/box.h"
#include "compiler/ir/decision.h"

namespace weir::ir {

class BuildCache;

// Fills decision.forests and decision.residuals.
void build_forest(Decision& decision, const Boxes& boxes, BuildCache* cache = nullptr);

}  // namespace weir::ir
