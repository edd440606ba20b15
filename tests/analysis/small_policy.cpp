#include "tests/analysis/small_policy.h"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

namespace weir::tests {
namespace {

using Kind = SmallCondition::Kind;

SmallCondition leaf(Random& random, const Domain& domain, const std::vector<std::size_t>& favourites) {
    SmallCondition one;
    one.atom = random.one_in(4) ? random.below(domain.atoms.size()) : random.of(favourites);
    if (!random.one_in(7)) return one;
    return {.kind = Kind::kNot, .operands = {one}};
}

SmallCondition condition(Random& random, const Domain& domain, const std::vector<std::size_t>& favourites) {
    const std::size_t leaves = random.between(1, 4);
    if (leaves == 1) return leaf(random, domain, favourites);
    SmallCondition whole{.kind = random.one_in(3) ? Kind::kOr : Kind::kAnd};
    for (std::size_t i = 0; i < leaves; ++i) whole.operands.push_back(leaf(random, domain, favourites));
    if (leaves > 2 && random.one_in(2)) {  // the last two as one
        SmallCondition part{.kind = whole.kind == Kind::kOr ? Kind::kAnd : Kind::kOr};
        part.operands.assign(whole.operands.end() - 2, whole.operands.end());
        whole.operands.resize(leaves - 2);
        whole.operands.push_back(part);
    }
    if (random.one_in(10)) return {.kind = Kind::kNot, .operands = {whole}};
    return whole;
}

Packets egress_side(const SmallRule& rule, const Domain& domain, const Packets& packets) {
    return rule.egress ? packets & domain.out : packets - domain.out;
}

// Does the first of the rules from `from` on that decides a packet give all of these packets the verdict?
// False where that depends on state, or on rules that do more than decide.
bool all_same(const SmallPolicy& policy, const Truth& truth, std::size_t from, Packets packets,
              const std::string& verdict) {
    for (std::size_t i = from; i < policy.rules.size() && !packets.none(); ++i) {
        const SmallRule& rule = policy.rules[i];
        if (truth.never[i] || (packets & truth.matches[i]).none()) continue;
        if (!rule.only_decides() || truth.shadowed[i] || rule.verdict != verdict) return false;
        packets = packets - truth.matches[i];
    }
    return packets.none();
}

}  // namespace

std::string SmallCondition::text(const Domain& domain) const {
    if (kind == Kind::kAtom) return domain.atoms[atom].text;
    if (kind == Kind::kNot) return fmt::format("not ({})", operands.front().text(domain));
    std::string joined;
    for (const SmallCondition& operand : operands) {
        const std::string part = operand.text(domain);
        joined += (joined.empty()       ? ""
                   : kind == Kind::kAnd ? " and "
                                        : " or ") +
                  (operand.operands.empty() ? part : "(" + part + ")");
    }
    return joined;
}

Packets SmallCondition::packets(const Domain& domain) const {
    const std::size_t size = domain.sent.size();
    if (kind == Kind::kAtom) return domain.where[atom];
    if (kind == Kind::kNot) return Packets(size, true) - operands.front().packets(domain);
    Packets packets = operands.front().packets(domain);
    for (const SmallCondition& operand : operands)
        packets = kind == Kind::kAnd ? packets & operand.packets(domain) : packets | operand.packets(domain);
    return packets;
}

std::string SmallPolicy::text(const Domain& domain) const {
    std::string text;
    if (std::any_of(rules.begin(), rules.end(), [](const SmallRule& rule) { return rule.alerts; }))
        text += "alert a { severity low message \"a\" }\n";
    for (std::size_t i = 0; i < rules.size(); ++i) {
        const SmallRule& rule = rules[i];
        const std::string state = rule.key ? fmt::format(" and rate({}) > 5/s", domain.keys[*rule.key]) : "";
        std::string when = rule.condition.text(domain);
        if (rule.key && rule.condition.kind == Kind::kOr) when = "(" + when + ")";
        const char* between = rule.alerts && !rule.verdict.empty() ? ", " : "";
        text +=
            fmt::format("rule r{} {{ {}{}when {}{} then {}{}{} }}\n", i, rule.observe ? "observe " : "",
                        rule.egress ? "egress " : "", when, state, rule.alerts ? "alert a" : "", between, rule.verdict);
    }
    return text;
}

SmallPolicy small_policy(Random& random, const Domain& domain) {
    SmallPolicy policy;
    // A few comparisons come again and again, so that rules have to do with each other.
    std::vector<std::size_t> favourites;
    for (std::size_t i = random.between(3, 7); i > 0; --i) favourites.push_back(random.below(domain.atoms.size()));
    for (std::size_t i = random.between(1, 6); i > 0; --i) {
        SmallRule rule;
        rule.condition = condition(random, domain, favourites);
        rule.verdict = random.one_in(5) ? "reject" : random.one_in(2) ? "pass" : "drop";
        rule.egress = domain.both_ways && random.one_in(2);
        if (rule.egress && rule.verdict == "reject") rule.verdict = "drop";
        rule.observe = random.one_in(12);
        rule.alerts = random.one_in(10);
        if (rule.alerts && random.one_in(2)) rule.verdict.clear();
        if (random.one_in(8)) rule.key = random.below(domain.keys.size());
        policy.rules.push_back(std::move(rule));
    }
    return policy;
}

bool may_go(const SmallPolicy& policy, const Truth& truth, const std::vector<bool>& gone, std::size_t rule) {
    if (!policy.rules[rule].only_decides()) return truth.never[rule];
    Packets packets = truth.matches[rule];
    for (std::size_t i = 0; i < policy.rules.size() && !packets.none(); ++i) {
        const SmallRule& other = policy.rules[i];
        if (gone[i] || i == rule || (packets & truth.matches[i]).none()) continue;
        if (i < rule && (!other.decides() || other.key)) continue;
        if (i > rule && (!other.only_decides() || other.verdict != policy.rules[rule].verdict)) return false;
        packets = packets - truth.matches[i];
    }
    return packets.none();
}

Truth truth_of(const SmallPolicy& policy, const Domain& domain) {
    Truth truth;
    const std::size_t count = policy.rules.size();
    Packets decided(domain.sent.size()), kept(domain.sent.size());
    for (const SmallRule& rule : policy.rules) {
        Packets matches = egress_side(rule, domain, rule.condition.packets(domain));
        if (rule.key) matches = matches & domain.having[*rule.key];
        truth.never.push_back(matches.none());
        truth.decided.push_back(matches.within(decided));
        truth.shadowed.push_back(!matches.none() && truth.decided.back());
        if (rule.decides() && !rule.key) decided = decided | matches;
        truth.matches.push_back(std::move(matches));
    }
    for (std::size_t i = 0; i < count; ++i) {
        const SmallRule& rule = policy.rules[i];
        truth.redundant.push_back(false);
        truth.either.push_back(false);
        if (truth.never[i] || truth.shadowed[i] || !rule.decides()) continue;
        const Packets reached = truth.matches[i] - kept;
        truth.redundant[i] = rule.only_decides() && all_same(policy, truth, i + 1, reached, rule.verdict);
        for (std::size_t later = i + 1; later < count; ++later)
            if (truth.shadowed[later] && !(reached & truth.matches[later]).none()) truth.either[i] = true;
        if (!truth.redundant[i] && !rule.key) kept = kept | truth.matches[i];
    }
    return truth;
}

std::string wrong_blockers(const SmallPolicy& policy, const Truth& truth, std::size_t rule,
                           const std::vector<std::size_t>& blockers) {
    if (blockers.empty()) return "no blocker is named";
    const auto left_by = [&](const std::vector<std::size_t>& those) {
        Packets left = truth.matches[rule];
        for (const std::size_t one : those) left = left - truth.matches[one];
        return left.none();
    };
    std::vector<std::size_t> may;
    for (std::size_t i = 0; i < rule; ++i)
        if (policy.rules[i].decides() && !policy.rules[i].key) may.push_back(i);
    for (const std::size_t one : blockers) {
        if (std::find(may.begin(), may.end(), one) == may.end()) return fmt::format("r{} decides nothing", one);
        if ((truth.matches[one] & truth.matches[rule]).none()) return fmt::format("r{} takes none of the packets", one);
    }
    if (!left_by(blockers)) return "they leave packets";
    for (std::size_t number = 0; number < (std::size_t{1} << may.size()); ++number) {
        if (static_cast<std::size_t>(std::popcount(number)) >= blockers.size()) continue;
        std::vector<std::size_t> fewer;
        for (std::size_t i = 0; i < may.size(); ++i)
            if ((number >> i & 1) != 0) fewer.push_back(may[i]);
        if (left_by(fewer)) return fmt::format("{} of them would do", fewer.size());
    }
    return {};
}

bool shrink_small(SmallPolicy& policy, const std::function<bool(const SmallPolicy&)>& still) {
    const auto take = [&](SmallPolicy less) {
        if (!still(less)) return false;
        policy = std::move(less);
        return true;
    };
    for (std::size_t i = 0; i < policy.rules.size(); ++i) {
        SmallPolicy less = policy;
        less.rules.erase(less.rules.begin() + static_cast<std::ptrdiff_t>(i));
        if (take(less)) return true;
    }
    for (std::size_t i = 0; i < policy.rules.size(); ++i) {
        const SmallCondition& whole = policy.rules[i].condition;
        for (std::size_t part = 0; part < whole.operands.size(); ++part) {
            SmallPolicy less = policy;
            less.rules[i].condition = SmallCondition(whole.operands[part]);
            if (take(less)) return true;
            if (whole.operands.size() < 2) continue;
            less = policy;
            auto& operands = less.rules[i].condition.operands;
            operands.erase(operands.begin() + static_cast<std::ptrdiff_t>(part));
            if (take(less)) return true;
        }
        for (SmallPolicy less = policy; SmallRule & rule : std::span(&less.rules[i], 1)) {
            if (!rule.key && !rule.observe && !rule.alerts) break;
            rule.key.reset();
            rule.observe = rule.alerts = false;
            if (rule.verdict.empty()) rule.verdict = "drop";
            if (take(less)) return true;
        }
    }
    return false;
}

}  // namespace weir::tests
