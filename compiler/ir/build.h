// Chooses and builds the decision structure.
#pragma once

#include "compiler/ir/decision.h"

namespace weir::ir {

class BuildCache;

// Chooses straight-line code or forests; decision.reason says why. `cache`: choices of earlier builds; may be null.
void build(Decision& decision, BuildCache* cache = nullptr);

// The same rules with all verdicts disabled (`weir run --observe`), with a structure of its own.
Decision observed(const Decision& decision);

}  // namespace weir::ir
