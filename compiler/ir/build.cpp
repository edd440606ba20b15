#include "compiler/ir/build.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/ir/box.h"
#include "compiler/ir/plant.h"

namespace weir::ir {
namespace {

constexpr std::size_t kFlatBoxes = 16;      // about where forests overtake, packets being varied
constexpr std::size_t kFlatSides = 80;      // five instructions each
constexpr std::size_t kStraightRules = 2;

std::size_t sides_of(const Boxes& boxes) {
    std::size_t sides = 0;
    for (const Box& box : boxes.boxes) sides += box.sides.size();
    return sides;
}

// Every rule decides, by boxes alone, and they are few.
bool can_be_flat(const Decision& decision, const Boxes& boxes) {
    return boxes.boxes.size() <= kFlatBoxes && sides_of(boxes) <= kFlatSides &&
           std::all_of(decision.rules.begin(), decision.rules.end(), [](const Rule& rule) { return rule.decides; }) &&
           std::all_of(boxes.boxes.begin(), boxes.boxes.end(), [](const Box& box) { return box.residuals.empty(); });
}

}  // namespace

void build(Decision& decision) {
    const Boxes boxes = make_boxes(decision, {});
    decision.dimensions.clear();
    decision.flat.clear();
    decision.forests = {};
    decision.residuals.clear();
    const std::string size = fmt::format("{} rules in {} boxes", decision.rules.size(), boxes.boxes.size());
    if (can_be_flat(decision, boxes)) {
        decision.strategy = Strategy::kFlat;
        decision.reason = fmt::format("{}: up to {} are compared in code without a branch", size, kFlatBoxes);
        decision.dimensions = boxes.dimensions;
        for (const Box& box : boxes.boxes) decision.flat.push_back({box.rule, box.sides});
        return;
    }
    if (decision.rules.size() <= kStraightRules) {
        decision.strategy = Strategy::kStraight;
        decision.reason = fmt::format("{}: up to {} rules that do more than compare and decide are code", size, kStraightRules);
        return;
    }
    plant(decision, boxes);
    decision.strategy = Strategy::kForest;
    decision.reason = fmt::format("{}, {} residual conditions: a table of {} KB", size, decision.residuals.size(),
                                  (decision.forests.bytes() + 1023) / 1024);
}

Decision observed(const Decision& decision) {
    Decision all = decision;
    for (Rule& rule : all.rules) rule.decides = false;
    build(all);
    return all;
}

}  // namespace weir::ir
