// Tested by tests/unit/ir/forest_test.cpp.
#include "compiler/ir/build.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "compiler/ir/box.h"
#include "compiler/ir/build_cache.h"
#include "compiler/ir/build_forest.h"
#include "compiler/ir/code_size.h"
#include "compiler/ir/rule_costs.h"

namespace weir::ir {
namespace {

constexpr std::size_t kStraightRules = 64;
constexpr std::uint64_t kStraightSize = 8192;  // comparisons: trees store equal conditions once, and try few of them

// Cost of a packet in ns, measured on rules/examples and the shapes of tests/bench. Used only for the choice.
constexpr double kStraightBoxCost = 2.5;
constexpr double kForestCost = 25, kNodeCost = 5, kEntryCost = 2, kFieldCost = 1.5;
constexpr std::size_t kFieldsCompared = 6;  // of an entry, before it is rejected: codegen/emit_forest.cpp

std::uint64_t code_size(const Decision& decision) {
    const std::vector<std::uint32_t> sizes = code_sizes(decision);
    return std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{0});
}

double forest_cost(const Forests& forests) {
    double most = 0;
    for (std::size_t kind = 0; kind < WEIR_FOREST_KINDS; ++kind) {
        double cost = kForestCost;
        for (const Forest* forest : {&forests.kinds[kind], &forests.kinds[WEIR_FOREST_KINDS + kind]}) {
            const auto fields = static_cast<double>(std::min(forest->layout.fields.size(), kFieldsCompared));
            const double leaf = forest->longest_leaf / 2.0 * (kEntryCost + kFieldCost * fields);
            cost += static_cast<double>(forest->trees.size()) * (forest->depth * kNodeCost + leaf);
        }
        most = std::max(most, cost);
    }
    return most;
}

}  // namespace

double decision_ns(const Decision& decision) {
    if (decision.strategy == Strategy::kForest) return forest_cost(decision.forests);
    return kComparisonNs * static_cast<double>(code_size(decision));
}

void build(Decision& decision, BuildCache* cache) {
    const Boxes boxes = make_boxes(decision, {});
    decision.forests = {};
    decision.residuals.clear();
    const std::string size = fmt::format("{} rules in {} boxes", decision.rules.size(), boxes.boxes.size());
    build_forest(decision, boxes, cache);
    if (cache != nullptr) cache->end_build();
    decision.strategy = Strategy::kStraight;
    const bool small = decision.rules.size() <= kStraightRules && code_size(decision) <= kStraightSize;
    const double trees = forest_cost(decision.forests),
                 straight = kStraightBoxCost * static_cast<double>(boxes.boxes.size());
    if (small && straight <= trees) {
        decision.reason = fmt::format("{}: about {:.0f} ns as code, {:.0f} ns as trees", size, straight, trees);
        decision.forests = {};
        decision.residuals.clear();
        return;
    }
    decision.strategy = Strategy::kForest;
    decision.reason =
        fmt::format("{}, {} residual conditions: a table of {} KB, about {:.0f} ns as trees, {:.0f} ns as code", size,
                    decision.residuals.size(), (decision.forests.bytes() + 1023) / 1024, trees, straight);
}

Decision observed(const Decision& decision) {
    Decision all = decision;
    for (Rule& rule : all.rules) rule.decides = false;
    build(all);
    return all;
}

}  // namespace weir::ir
