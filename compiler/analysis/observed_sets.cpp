// W405: what an observed rule adds to a set is enforced by another.
// Tested by tests/golden/golden_test.cpp with `cases`.
#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "compiler/analysis/lint.h"

namespace weir::analysis {
namespace {

// The sets that a condition reads; each expression is looked at once, however many rules share it.
class Reading {
public:
    explicit Reading(const policy::TypedPolicy& policy) : policy_(policy) {}
    const std::set<policy::SetId>& of(policy::ExprId id) {
        const auto [at, added] = known_.try_emplace(id);
        if (!added) return at->second;
        std::set<policy::SetId> sets;
        const auto take = [&](policy::ExprId operand) { sets.insert(of(operand).begin(), of(operand).end()); };
        const auto& node = policy_.expr(id).node;
        if (const auto* all = std::get_if<policy::And>(&node))
            std::for_each(all->operands.begin(), all->operands.end(), take);
        if (const auto* any = std::get_if<policy::Or>(&node))
            std::for_each(any->operands.begin(), any->operands.end(), take);
        if (const auto* negated = std::get_if<policy::Not>(&node)) take(negated->operand);
        if (const auto* in = std::get_if<policy::InSet>(&node)) sets.insert(in->set);
        return known_[id] = std::move(sets);
    }

private:
    const policy::TypedPolicy& policy_;
    std::map<policy::ExprId, std::set<policy::SetId>> known_;
};

}  // namespace

void warn_observed_sets(const policy::TypedPolicy& policy, Diagnostics& diagnostics) {
    std::map<policy::SetId, const policy::Rule*> filled;
    for (const policy::Rule& rule : policy.rules)
        for (const policy::SetChange& change : rule.changes)
            if (rule.observe && change.adds) filled.try_emplace(change.set, &rule);
    if (filled.empty()) return;
    Reading reading(policy);
    for (const policy::Rule& rule : policy.rules) {
        if (!rule.decides()) continue;
        std::set<policy::SetId> read = reading.of(rule.condition);
        for (const policy::StateTerm& term : rule.terms)
            if (term.condition != policy::kNoExpr) read.merge(std::set(reading.of(term.condition)));
        for (const policy::SetId set : read) {
            const auto by = filled.find(set);
            if (by == filled.end()) continue;
            const std::string& name = policy.sets[static_cast<std::size_t>(set)].name;
            diagnostics.add({.code = Code::W405,
                             .span = rule.condition_span,
                             .message = fmt::format("the enforced rule `{}` reads `{}`, which an observed rule fills",
                                                    rule.name, name),
                             .help = "observe this rule too, or let the observed rule add to a set of its own",
                             .notes = {{by->second->condition_span,
                                        fmt::format("`{}` is observed and adds to it", by->second->name)}},
                             .rule = rule.name});
        }
    }
}

}  // namespace weir::analysis
