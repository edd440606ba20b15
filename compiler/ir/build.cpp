#include "compiler/ir/build.h"

namespace weir::ir {

void build(Decision& decision) {
    decision.strategy = Strategy::kStraight;
    decision.reason = "straight-line code";
}

}  // namespace weir::ir
