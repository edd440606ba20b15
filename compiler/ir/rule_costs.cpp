// Tested by tests/unit/ir/rule_costs_test.cpp.
#include "compiler/ir/rule_costs.h"

#include <algorithm>

#include "compiler/ir/code_size.h"

namespace weir::ir {
namespace {

// Of `contains`, on 512 bytes that do not have it: the bounds of tests/bench/contains.sh for 1 and for 64.
constexpr double kSearchNs = 350, kNextSearchNs = 34;

// A condition that searches the payload.
bool searches(const Decision& decision, PredicateId id) {
    const auto any = [&](const std::vector<PredicateId>& operands) {
        return std::any_of(operands.begin(), operands.end(), [&](PredicateId one) { return searches(decision, one); });
    };
    const Predicate& predicate = decision.predicate(id);
    if (const auto* match = std::get_if<PayloadMatch>(&predicate.node)) return is_contains(match->op);
    if (const auto* all = std::get_if<AllOf>(&predicate.node)) return any(all->operands);
    if (const auto* some = std::get_if<AnyOf>(&predicate.node)) return any(some->operands);
    if (const auto* opposite = std::get_if<Negation>(&predicate.node)) return searches(decision, opposite->operand);
    return false;
}

}  // namespace

std::vector<RuleCost> rule_costs(const Decision& decision) {
    std::vector<RuleCost> costs(decision.rules.size());
    CodeSizes sizes(decision);
    const bool is_code = decision.strategy == Strategy::kStraight;
    const double trees_ns = is_code ? 0 : decision_ns(decision);
    std::uint64_t before = 0;
    std::uint64_t searching = 0;
    for (std::size_t i = 0; i < costs.size(); ++i) {
        const Rule& rule = decision.rules[i];
        RuleCost& cost = costs[i];
        const auto* constant = std::get_if<Constant>(&decision.predicate(rule.predicate).node);
        if (constant != nullptr && !constant->value) continue;  // it judges packets that go the other way
        cost.comparisons = sizes.of(rule.predicate);
        cost.before = is_code ? before : 0;
        cost.terms = static_cast<std::uint32_t>(rule.terms.size());
        if (searches(decision, rule.predicate)) ++searching;
        const double searches_ns = searching == 0 ? 0 : kSearchNs + kNextSearchNs * static_cast<double>(searching - 1);
        cost.ns = trees_ns + searches_ns + kTermNs * cost.terms +
                  kComparisonNs * static_cast<double>(is_code ? before + cost.comparisons : 0);
        before += cost.comparisons;
    }
    return costs;
}

}  // namespace weir::ir
