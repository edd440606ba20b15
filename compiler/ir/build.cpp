#include "compiler/ir/build.h"

#include <fmt/format.h>

#include "compiler/ir/box.h"
#include "compiler/ir/plant.h"

namespace weir::ir {
namespace {

constexpr std::size_t kStraightRules = 2;   // code is faster than walking data for so few

}  // namespace

void build(Decision& decision) {
    if (decision.rules.size() <= kStraightRules) {
        decision.strategy = Strategy::kStraight;
        decision.reason = fmt::format("up to {} rules are code", kStraightRules);
        return;
    }
    const Boxes boxes = make_boxes(decision, {});
    plant(decision, boxes);
    decision.strategy = Strategy::kForest;
    decision.reason = fmt::format("{} rules in {} boxes, {} residual conditions", decision.rules.size(), boxes.boxes.size(), decision.residuals.size());
}

Decision observed(const Decision& decision) {
    Decision all = decision;
    for (Rule& rule : all.rules) rule.decides = false;
    build(all);
    return all;
}

}  // namespace weir::ir
