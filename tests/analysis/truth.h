// What is true of the rules of a small policy, by its definition. `Some` is a set of packets: Packets of a domain, or a
// formula; it has & | - and none().
#pragma once

#include <algorithm>
#include <bit>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "tests/analysis/small_policy.h"

namespace weir::tests {

template <typename Some>
struct Truth {
    std::vector<Some> matches{};   // packets that each rule can match, were it the only one
    std::vector<bool> never{};     // none
    std::vector<bool> decided{};   // earlier rules decide all of them
    std::vector<bool> shadowed{};  // so, and there are some
    // Without it, and those before it that are redundant, later rules give each of its packets the same verdict.
    std::vector<bool> redundant{};
    // A later rule that is itself shadowed matches packets of it: which of the two is to blame is a matter of choice.
    std::vector<bool> either{};
};

// Does the first of the rules from `from` on that decides a packet give all of these packets the verdict? False where
// that depends on state, or on rules that do more than decide.
template <typename Some>
bool all_same(const SmallPolicy& policy, const Truth<Some>& truth, std::size_t from, Some packets,
              const std::string& verdict) {
    for (std::size_t i = from; i < policy.rules.size() && !packets.none(); ++i) {
        const SmallRule& rule = policy.rules[i];
        if (truth.never[i] || (packets & truth.matches[i]).none()) continue;
        if (!rule.only_decides() || truth.shadowed[i] || rule.verdict != verdict) return false;
        packets = packets - truth.matches[i];
    }
    return packets.none();
}

// With those rules gone: is each packet of the rule given its verdict by another rule, and by nothing that does more?
template <typename Some>
bool may_go(const SmallPolicy& policy, const Truth<Some>& truth, const std::vector<bool>& gone, std::size_t rule) {
    if (!policy.rules[rule].only_decides()) return truth.never[rule];
    Some packets = truth.matches[rule];
    for (std::size_t i = 0; i < policy.rules.size() && !packets.none(); ++i) {
        const SmallRule& other = policy.rules[i];
        if (gone[i] || i == rule || (packets & truth.matches[i]).none()) continue;
        if (i < rule && (!other.decides() || other.key)) continue;
        if (i > rule && (!other.only_decides() || other.verdict != policy.rules[rule].verdict)) return false;
        packets = packets - truth.matches[i];
    }
    return packets.none();
}

template <typename Some>
Truth<Some> truth_of(const SmallPolicy& policy, std::vector<Some> matches, const Some& nothing) {
    Truth<Some> truth;
    truth.matches = std::move(matches);
    const std::size_t count = policy.rules.size();
    Some decided = nothing, kept = nothing;
    for (std::size_t i = 0; i < count; ++i) {
        const SmallRule& rule = policy.rules[i];
        truth.never.push_back(truth.matches[i].none());
        truth.decided.push_back(truth.never[i] || (truth.matches[i] - decided).none());
        truth.shadowed.push_back(!truth.never[i] && truth.decided[i]);
        if (rule.decides() && !rule.key) decided = decided | truth.matches[i];
    }
    for (std::size_t i = 0; i < count; ++i) {
        const SmallRule& rule = policy.rules[i];
        truth.redundant.push_back(false);
        truth.either.push_back(false);
        if (truth.never[i] || truth.shadowed[i] || !rule.decides()) continue;
        const Some reached = truth.matches[i] - kept;
        truth.redundant[i] = rule.only_decides() && all_same(policy, truth, i + 1, reached, rule.verdict);
        for (std::size_t later = i + 1; later < count; ++later)
            if (truth.shadowed[later] && !(reached & truth.matches[later]).none()) truth.either[i] = true;
        if (!truth.redundant[i] && !rule.key) kept = kept | truth.matches[i];
    }
    return truth;
}

// What is wrong with these as the rules that decide all packets of a rule; empty where they are as few as can be. A
// rule that is itself shadowed decides nothing.
template <typename Some>
std::string wrong_blockers(const SmallPolicy& policy, const Truth<Some>& truth, std::size_t rule,
                           const std::vector<std::size_t>& blockers) {
    if (blockers.empty()) return "no blocker is named";
    const auto left_by = [&](const std::vector<std::size_t>& those) {
        Some left = truth.matches[rule];
        for (const std::size_t one : those) left = left - truth.matches[one];
        return left.none();
    };
    std::vector<std::size_t> may;
    for (std::size_t i = 0; i < rule; ++i)
        if (policy.rules[i].decides() && !policy.rules[i].key && !truth.decided[i]) may.push_back(i);
    for (const std::size_t one : blockers) {
        if (std::find(may.begin(), may.end(), one) == may.end()) return fmt::format("r{} decides nothing", one);
        if ((truth.matches[one] & truth.matches[rule]).none()) return fmt::format("r{} takes none of the packets", one);
    }
    if (!left_by(blockers)) return "they leave packets";
    // Fewer of those that take one of the packets: who reads the list looks for the rules that decide.
    Some left = truth.matches[rule];
    std::erase_if(may, [&](std::size_t one) {
        const bool takes = !(left & truth.matches[one]).none();
        left = left - truth.matches[one];
        return !takes;
    });
    for (std::size_t number = 0; number < (std::size_t{1} << may.size()); ++number) {
        if (static_cast<std::size_t>(std::popcount(number)) >= blockers.size()) continue;
        std::vector<std::size_t> fewer;
        for (std::size_t i = 0; i < may.size(); ++i)
            if ((number >> i & 1) != 0) fewer.push_back(may[i]);
        if (left_by(fewer)) return fmt::format("{} of them would do", fewer.size());
    }
    return {};
}

}  // namespace weir::tests
