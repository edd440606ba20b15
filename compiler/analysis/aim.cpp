// Tested by tests/unit/analysis/points_test.cpp with `Aim`.
#include "compiler/analysis/aim.h"

#include <algorithm>

namespace weir::analysis {
namespace {

constexpr std::size_t kPicked = 4;  // ranges or entries that a value is picked from

// What joins conditions, and their parts; nothing of a comparison.
const std::vector<policy::ExprId>* operands_of(const policy::Expr& expr) {
    if (const auto* all = std::get_if<policy::And>(&expr.node)) return &all->operands;
    if (const auto* any = std::get_if<policy::Or>(&expr.node)) return &any->operands;
    return nullptr;
}

void collect(const policy::TypedPolicy& policy, policy::ExprId id, std::vector<policy::ExprId>& found) {
    const policy::Expr& expr = policy.expr(id);
    if (const auto* operands = operands_of(expr)) {
        for (const policy::ExprId operand : *operands) collect(policy, operand, found);
    } else if (const auto* opposite = std::get_if<policy::Not>(&expr.node)) {
        collect(policy, opposite->operand, found);
    } else if (!std::holds_alternative<policy::Constant>(expr.node)) {
        found.push_back(id);
    }
}

}  // namespace

std::vector<policy::ExprId> comparisons_of(const policy::TypedPolicy& policy, policy::ExprId condition) {
    std::vector<policy::ExprId> found, each;
    collect(policy, condition, found);
    std::vector<policy::ExprId> sorted;
    for (const policy::ExprId id : found) {
        const auto at = std::lower_bound(sorted.begin(), sorted.end(), id);
        if (at != sorted.end() && *at == id) continue;
        sorted.insert(at, id);
        each.push_back(id);
    }
    return each;
}

bool Aim::contains(policy::ExprId condition, policy::ExprId comparison) const {
    if (condition == comparison) return true;
    const policy::Expr& expr = policy_.expr(condition);
    if (const auto* opposite = std::get_if<policy::Not>(&expr.node)) return contains(opposite->operand, comparison);
    const auto* operands = operands_of(expr);
    return operands != nullptr && std::any_of(operands->begin(), operands->end(),
                                              [&](policy::ExprId one) { return contains(one, comparison); });
}

void Aim::make(Probe& probe, policy::ExprId condition, packet::Polarity polarity) {
    const policy::Expr& expr = policy_.expr(condition);
    if (const auto* opposite = std::get_if<policy::Not>(&expr.node))
        return make(probe, opposite->operand, packet::opposite(polarity));
    const auto* operands = operands_of(expr);
    if (operands == nullptr) return make_comparison(probe, condition, polarity);
    if (operands->empty()) return;
    const bool is_and = std::holds_alternative<policy::And>(expr.node);
    if (is_and == (polarity == packet::Polarity::kHolds)) {
        for (const policy::ExprId one : *operands) make(probe, one, polarity);
    } else {
        make(probe, (*operands)[random_.below(operands->size())], polarity);
    }
}

void Aim::make_comparison(Probe& probe, policy::ExprId comparison, packet::Polarity polarity) {
    if (std::holds_alternative<policy::Constant>(policy_.expr(comparison).node)) return;
    std::vector<ProbePoint> points = points_of(policy_, comparison, kPicked, random_);
    std::erase_if(points, [&](const ProbePoint& one) { return one.holds != (polarity == packet::Polarity::kHolds); });
    if (!points.empty()) probe.apply(points[random_.below(points.size())]);
}

void Aim::hinge_on(Probe& probe, policy::ExprId condition, policy::ExprId comparison) {
    if (condition == comparison) return;
    const policy::Expr& expr = policy_.expr(condition);
    if (const auto* opposite = std::get_if<policy::Not>(&expr.node))
        return hinge_on(probe, opposite->operand, comparison);
    const auto* operands = operands_of(expr);
    if (operands == nullptr) return;
    const packet::Polarity others =
        std::holds_alternative<policy::And>(expr.node) ? packet::Polarity::kHolds : packet::Polarity::kFails;
    policy::ExprId way = policy::kNoExpr;
    for (const policy::ExprId one : *operands) {
        if (way == policy::kNoExpr && contains(one, comparison))
            way = one;
        else
            make(probe, one, others);
    }
    if (way != policy::kNoExpr) hinge_on(probe, way, comparison);
}

}  // namespace weir::analysis
