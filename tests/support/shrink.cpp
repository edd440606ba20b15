// Smaller policies for which a difference between the engines still holds.
#include "tests/support/random_policy.h"

namespace weir::tests {
namespace {

// Conditions with one part less.
std::vector<Condition> smaller(const Condition& condition) {
    std::vector<Condition> all = condition.operands;
    if (condition.kind == Condition::Kind::kLeaf) return all;
    for (std::size_t i = 0; i < condition.operands.size(); ++i) {
        if (condition.operands.size() > 2) {
            all.push_back(condition);
            all.back().operands.erase(all.back().operands.begin() + static_cast<std::ptrdiff_t>(i));
        }
        for (Condition& less : smaller(condition.operands[i])) {
            all.push_back(condition);
            all.back().operands[i] = std::move(less);
        }
    }
    return all;
}

}  // namespace

bool shrink(RandomPolicy& policy, const std::function<bool(const RandomPolicy&)>& still) {
    const auto change = [&](const auto& edit) {
        RandomPolicy less = policy;
        edit(less);
        if (!still(less)) return false;
        policy = std::move(less);
        return true;
    };
    for (std::size_t count = policy.rules.size() / 2; count > 0; count = count > 8 ? count / 3 : count / 2)
        for (std::size_t i = 0; i + count <= policy.rules.size(); i += count)
            if (change([&](RandomPolicy& p) {
                    p.rules.erase(p.rules.begin() + static_cast<std::ptrdiff_t>(i),
                                  p.rules.begin() + static_cast<std::ptrdiff_t>(i + count));
                }))
                return true;
    for (std::size_t i = 0; i < policy.rules.size(); ++i) {
        if (!policy.rules[i].alerts.empty() && change([&](RandomPolicy& p) {
                p.rules[i].alerts.clear();
                p.rules[i].verdict = "drop";
            }))
            return true;
        if (policy.rules[i].egress && change([&](RandomPolicy& p) { p.rules[i].egress = false; })) return true;
        if (policy.rules[i].observe && change([&](RandomPolicy& p) { p.rules[i].observe = false; })) return true;
        for (const Condition& less : smaller(policy.rules[i].condition))
            if (change([&](RandomPolicy& p) { p.rules[i].condition = less; })) return true;
    }
    for (std::size_t i = 0; i < policy.items.size(); ++i)
        if (change([&](RandomPolicy& p) { p.items.erase(p.items.begin() + static_cast<std::ptrdiff_t>(i)); }))
            return true;
    return false;
}

}  // namespace weir::tests
