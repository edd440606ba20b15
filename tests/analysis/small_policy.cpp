#include "tests/analysis/small_policy.h"

#include <algorithm>
#include <span>

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
    Packets packets(size, kind == Kind::kAnd);
    for (const SmallCondition& operand : operands)
        packets = kind == Kind::kAnd ? packets & operand.packets(domain) : packets | operand.packets(domain);
    return packets;
}

std::string SmallPolicy::written(const Domain& domain, std::vector<std::size_t>& conditions_at) const {
    std::string text;
    if (std::any_of(rules.begin(), rules.end(), [](const SmallRule& rule) { return rule.alerts; }))
        text += "alert a { severity low message \"a\" }\n";
    for (std::size_t i = 0; i < rules.size(); ++i) {
        const SmallRule& rule = rules[i];
        const bool is_in_parentheses = rule.key && rule.condition.kind == Kind::kOr;
        text += fmt::format("rule r{} {{ {}{}when {}", i, rule.observe ? "observe " : "", rule.egress ? "egress " : "",
                            is_in_parentheses ? "(" : "");
        conditions_at.push_back(text.size());
        text += rule.condition.text(domain) + (is_in_parentheses ? ")" : "");
        if (rule.key) text += fmt::format(" and rate({}) > 5/s", domain.keys[*rule.key]);
        const char* between = rule.alerts && !rule.verdict.empty() ? ", " : "";
        text += fmt::format(" then {}{}{} }}\n", rule.alerts ? "alert a" : "", between, rule.verdict);
    }
    return text;
}

std::string SmallPolicy::text(const Domain& domain) const {
    std::vector<std::size_t> unused;
    return written(domain, unused);
}

std::vector<std::size_t> SmallPolicy::conditions_at(const Domain& domain) const {
    std::vector<std::size_t> places;
    written(domain, places);
    return places;
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

std::vector<Packets> matches_of(const SmallPolicy& policy, const Domain& domain) {
    std::vector<Packets> matches;
    for (const SmallRule& rule : policy.rules) {
        matches.push_back(egress_side(rule, domain, rule.condition.packets(domain)));
        if (rule.key) matches.back() = matches.back() & domain.having[*rule.key];
    }
    return matches;
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
