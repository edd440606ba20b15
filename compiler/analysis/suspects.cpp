// Tested by tests/golden/lint_test.cpp with `W4`.
#include "compiler/analysis/suspects.h"

#include <algorithm>
#include <set>
#include <tuple>

#include <fmt/format.h>

namespace weir::analysis {
namespace {

// ---- W404 ----

// Where a negated comparison stands in conditions, and which packets come to it there.
class Negations {
public:
    Negations(const Reached& reached, Diagnostics& diagnostics)
        : reached_(reached),
          bdd_(reached.reach.bdd()),
          diagnostics_(diagnostics),
          within_(reached.policy.exprs.size()) {
        for (const policy::NegatedComparison& one : reached.policy.negated_comparisons)
            within_[static_cast<std::size_t>(one.negation)] = true;
        // Operands stand before what joins them.
        for (std::size_t i = 0; i < within_.size(); ++i)
            for (const policy::ExprId operand : operands(policy::ExprId{static_cast<std::uint32_t>(i)}))
                if (within_[static_cast<std::size_t>(operand)]) within_[i] = true;
    }

    void walk_rules() {
        for (std::size_t i = 0; i < reached_.policy.rules.size(); ++i) {
            rule_ = &reached_.policy.rules[i];
            number_ = static_cast<RuleNumber>(i);
            if (!within_[static_cast<std::size_t>(rule_->condition)] || reached_.reach.is_unknown(number_)) continue;
            const Reach::Scope scope(reached_.reach);
            Bdd::Node packets = reached_.reach.sets().going(rule_->direction);
            for (const policy::StateTerm& term : rule_->terms)  // false without its keys
                for (const policy::KeyField& key : term.keys)
                    packets = bdd_.both(packets, reached_.reach.sets().having(key.field));
            walk(rule_->condition, packets);
        }
    }

private:
    std::vector<policy::ExprId> operands(policy::ExprId id) const {
        const auto& node = reached_.policy.expr(id).node;
        if (const auto* all = std::get_if<policy::And>(&node)) return all->operands;
        if (const auto* any = std::get_if<policy::Or>(&node)) return any->operands;
        if (const auto* negated = std::get_if<policy::Not>(&node)) return {negated->operand};
        return {};
    }

    // `packets`: those for which it matters whether this part of the condition holds.
    void walk(policy::ExprId id, Bdd::Node packets) {
        if (!within_[static_cast<std::size_t>(id)] || packets == Bdd::kFalse || bdd_.spent()) return;
        say(id, packets);
        const std::vector<policy::ExprId> parts = operands(id);
        const bool any = std::holds_alternative<policy::Or>(reached_.policy.expr(id).node);
        for (const policy::ExprId part : parts) {
            if (!within_[static_cast<std::size_t>(part)]) continue;
            Bdd::Node left = packets;
            for (const policy::ExprId other : parts) {
                if (other == part || left == Bdd::kFalse) continue;
                const Bdd::Node holds = reached_.reach.sets().of(other);
                left = any ? bdd_.without(left, holds) : bdd_.both(left, holds);
            }
            walk(part, left);
        }
    }

    // Does one of them that lacks the field come to the rule?
    bool lacks(Bdd::Node packets, packet::FieldId field) {
        packets = bdd_.without(packets, reached_.reach.sets().having(field));
        return reached_.reach.find(packets, number_, reached_.takers).exists && !bdd_.spent();
    }
    void say(policy::ExprId id, Bdd::Node packets) {
        for (const policy::NegatedComparison& one : reached_.policy.negated_comparisons) {
            const std::tuple place{one.span.file, one.span.begin, one.span.end};
            if (one.negation != id || said_.contains(place) || !lacks(packets, one.field)) continue;
            said_.insert(place);
            diagnostics_.add({.code = Code::W404,
                              .span = one.span,
                              .message = fmt::format("`{}` is also true for packets without `{}`", one.text,
                                                     packet::field(one.field).name),
                              .help = one.help,
                              .rule = rule_->name});
        }
    }

    const Reached& reached_;
    Bdd& bdd_;
    Diagnostics& diagnostics_;
    std::vector<bool> within_;  // of each expression: a negated comparison stands in it
    const policy::Rule* rule_ = nullptr;
    RuleNumber number_ = 0;
    std::set<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>> said_;
};

// ---- W407 ----

// Packets, and what they all have in common.
struct Those {
    Bdd::Node packets = Bdd::kFalse;
    Outline outline;
};

// Does a packet of these pass, whatever state and running sets are?
bool may_pass(const Reached& reached, const Those& those) {
    Reach& reach = reached.reach;
    const auto count = static_cast<RuleNumber>(reached.policy.rules.size());
    const policy::Verdict last = reached.policy.last_verdict(those.outline.direction, false);
    if (last.kind == policy::VerdictKind::kPass && reach.find(those.packets, count, reached.takers).exists) return true;
    for (const RuleNumber i : reach.near(those.outline, 0, count)) {
        const policy::Rule& rule = reached.policy.rules[i];
        if (!rule.decides() || rule.verdict->kind != policy::VerdictKind::kPass) continue;
        if (reach.is_unknown(i) ||
            reach.find(reach.bdd().both(those.packets, reach.matches(i)), i, reached.takers).exists)
            return true;
    }
    return false;
}

// Where a policy drops: its default, or the first rule that drops these packets.
Span dropped_at(const Reached& reached, const Those& those) {
    Reach& reach = reached.reach;
    for (const RuleNumber i : reach.near(those.outline, 0, static_cast<RuleNumber>(reached.policy.rules.size()))) {
        const policy::Rule& rule = reached.policy.rules[i];
        if (rule.decides() && reach.bdd().both(those.packets, reach.matches(i)) != Bdd::kFalse)
            return rule.condition_span;
    }
    return those.outline.direction == packet::Direction::kOut ? reached.policy.default_egress_span
                                                              : reached.policy.default_span;
}

// ---- W410 ----

template <typename Range, typename Less>
bool disjoint(const std::vector<Range>& a, const std::vector<Range>& b, const Less& ends_before) {
    for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
        if (ends_before(a[i], b[j]))
            ++i;
        else if (ends_before(b[j], a[i]))
            ++j;
        else
            return false;
    }
    return true;
}

// Both are `field != …` of one field, and no value is excluded by both: one of them holds.
bool always_one(const policy::Expr& a, const policy::Expr& b) {
    if (const auto *x = std::get_if<policy::NumberIn>(&a.node), *y = std::get_if<policy::NumberIn>(&b.node); x && y)
        return x->negated && y->negated && x->number.field == y->number.field && x->number.mask == y->number.mask &&
               disjoint(x->ranges, y->ranges, [](const auto& p, const auto& q) { return p.second < q.first; });
    if (const auto *x = std::get_if<policy::AddressIn>(&a.node), *y = std::get_if<policy::AddressIn>(&b.node); x && y)
        return x->negated && y->negated && x->field == y->field &&
               disjoint(x->ranges, y->ranges, [](const IpRange& p, const IpRange& q) {
                   return p.last.version != q.first.version ? p.last.version < q.first.version : p.last < q.first;
               });
    if (const auto *x = std::get_if<policy::MacIn>(&a.node), *y = std::get_if<policy::MacIn>(&b.node); x && y)
        return x->negated && y->negated && x->field == y->field &&
               disjoint(x->ranges, y->ranges, [](const auto& p, const auto& q) { return p.second < q.first; });
    if (const auto *x = std::get_if<policy::TextMatch>(&a.node), *y = std::get_if<policy::TextMatch>(&b.node); x && y)
        return x->negated && y->negated && x->field == y->field && x->op == policy::BytesOp::kEq &&
               y->op == policy::BytesOp::kEq && x->text != y->text;
    if (const auto *x = std::get_if<policy::IfaceMatch>(&a.node), *y = std::get_if<policy::IfaceMatch>(&b.node); x && y)
        return x->negated && y->negated && x->op == policy::BytesOp::kEq && y->op == policy::BytesOp::kEq &&
               x->text != y->text;
    return false;
}

}  // namespace

void warn_negations(const Reached& reached, Diagnostics& diagnostics) {
    if (!reached.policy.negated_comparisons.empty()) Negations(reached, diagnostics).walk_rules();
}

void warn_neighbours(const Reached& reached, packet::Direction direction, Diagnostics& diagnostics) {
    const bool is_out = direction == packet::Direction::kOut;
    if (is_out && !reached.policy.has_egress()) return;
    using packet::FieldId;
    PacketSets& sets = reached.reach.sets();
    Bdd& bdd = reached.reach.bdd();
    constexpr std::size_t kSteps = 8 * Reach::kSteps;  // it may look at all rules
    const Reach::Scope scope(reached.reach, kSteps);
    const Bdd::Node sound = bdd.without(sets.going(direction), sets.where(policy::Flag{FieldId::kMalformed}));
    const auto packets = [&](FieldId protocol) {
        return Those{bdd.both(sound, sets.where(policy::Flag{protocol})),
                     outline_of(packet::present_bit(protocol), direction)};
    };
    const auto of_kind = [&](FieldId protocol, FieldId kind, std::uint64_t value) {
        Those those = packets(protocol);
        those.packets = bdd.both(those.packets, sets.where(policy::NumberIn{{kind}, {{value, value}}, false}));
        return those;
    };
    constexpr std::uint64_t kRequest = 1, kReply = 2;                   // RFC 826
    constexpr std::uint64_t kSolicitation = 135, kAdvertisement = 136;  // RFC 4861
    struct Needed {
        FieldId version;
        Those those;
        const char* name;
    };
    const Needed needed[] = {
        {FieldId::kIp4, of_kind(FieldId::kArp, FieldId::kArpOp, kRequest), "ARP requests"},
        {FieldId::kIp4, of_kind(FieldId::kArp, FieldId::kArpOp, kReply), "ARP replies"},
        {FieldId::kIp6, of_kind(FieldId::kIcmp6, FieldId::kIcmp6Type, kSolicitation), "neighbour solicitations"},
        {FieldId::kIp6, of_kind(FieldId::kIcmp6, FieldId::kIcmp6Type, kAdvertisement), "neighbour advertisements"}};
    std::string missing;
    Span at{};
    bool arp = false, neighbours = false;
    for (const Needed& one : needed) {
        // A policy that passes nothing of this IP version needs no neighbours either.
        if (may_pass(reached, one.those) || !may_pass(reached, packets(one.version))) continue;
        (one.version == FieldId::kIp4 ? arp : neighbours) = true;
        if (missing.empty()) at = dropped_at(reached, one.those);
        missing += fmt::format("{}{}", missing.empty() ? "" : ", ", one.name);
    }
    if (missing.empty() || bdd.spent()) return;
    const char* condition = !neighbours ? "arp" : arp ? "arp or icmp6.type in 133..137" : "icmp6.type in 133..137";
    diagnostics.add(
        {.code = Code::W407,
         .span = at,
         .message = fmt::format("no rule passes {}{}", missing, is_out ? " on their way out" : ""),
         .label = "drops them",
         .help = fmt::format("the interface goes silent when its neighbours' entries expire, minutes from now: "
                             "`rule neighbours{} {{ {}when {} then pass }}`",
                             is_out ? "_out" : "", is_out ? "egress " : "", condition)});
}

void warn_over_limit(const policy::TypedPolicy& policy, Diagnostics& diagnostics) {
    for (const policy::Rule& rule : policy.rules) {
        if (!rule.verdict || rule.verdict->kind != policy::VerdictKind::kPass) continue;
        const bool only_passes = rule.alerts.empty() && rule.changes.empty();
        if (!only_passes && policy.last_verdict(rule.direction, false).kind == policy::VerdictKind::kPass) continue;
        const auto over = std::find_if(rule.terms.begin(), rule.terms.end(),
                                       [](const policy::StateTerm& term) { return !term.within; });
        if (over == rule.terms.end()) continue;
        diagnostics.add({.code = Code::W408,
                         .span = over->span,
                         .message = fmt::format("`{}` passes only what is over this limit", rule.name),
                         .help = "write `<=` to pass what is within the limit: `rate(ip.src) <= 10/s`",
                         .rule = rule.name});
    }
}

void warn_always_true(const policy::TypedPolicy& policy, Diagnostics& diagnostics) {
    constexpr std::size_t kMaxOperands = 64;  // all pairs of them are compared
    std::set<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>> said;
    for (const policy::Expr& expr : policy.exprs) {
        const auto* any = std::get_if<policy::Or>(&expr.node);
        if (any == nullptr || any->operands.size() > kMaxOperands) continue;
        for (std::size_t i = 0; i < any->operands.size(); ++i) {
            const auto other = std::find_if(
                any->operands.begin(), any->operands.begin() + static_cast<std::ptrdiff_t>(i),
                [&](policy::ExprId id) { return always_one(policy.expr(id), policy.expr(any->operands[i])); });
            if (other == any->operands.begin() + static_cast<std::ptrdiff_t>(i)) continue;
            if (!said.emplace(expr.span.file, expr.span.begin, expr.span.end).second) break;
            diagnostics.add(
                {.code = Code::W410,
                 .span = expr.span,
                 .message = "this `or` is true for every value of the field",
                 .label = "one of the two always holds",
                 .help = "to exclude several values, write `not in { … }`, or `and` between the comparisons"});
            break;
        }
    }
}

// Does a packet of the rules that raise the alert have the field, or is none known to reach them?
static bool is_shown(const Reached& reached, const std::vector<RuleNumber>& raising, packet::FieldId field) {
    bool reaches = false;
    for (const RuleNumber i : raising) {
        if (reached.reach.is_unknown(i)) return true;
        const Reach::Scope scope(reached.reach);
        const Bdd::Node matches = reached.reach.matches(i);
        const Bdd::Node having = reached.reach.bdd().both(matches, reached.reach.sets().having(field));
        const RuleMarks none(reached.policy.rules.size());
        if (reached.reach.find(having, 0, none).exists || reached.reach.spent()) return true;
        reaches = reaches || reached.reach.find(matches, 0, none).exists;
    }
    return !reaches;
}

void warn_messages(const Reached& reached, Diagnostics& diagnostics) {
    std::vector<std::vector<RuleNumber>> raising(reached.policy.alerts.size());
    for (std::size_t i = 0; i < reached.policy.rules.size(); ++i)
        for (const policy::AlertAction& action : reached.policy.rules[i].alerts)
            raising[static_cast<std::size_t>(action.alert)].push_back(static_cast<RuleNumber>(i));
    for (std::size_t i = 0; i < raising.size(); ++i) {
        const policy::Alert& alert = reached.policy.alerts[i];
        if (alert.message_span.begin == alert.message_span.end) continue;
        for (const policy::MessagePart& part : alert.message) {
            const auto* field = std::get_if<packet::FieldId>(&part);
            if (field == nullptr || is_shown(reached, raising[i], *field)) continue;
            diagnostics.add(
                {.code = Code::W411,
                 .span = alert.message_span,
                 .message = fmt::format("no packet of the alert `{}` has `{}`", alert.name, packet::field(*field).name),
                 .help = "show a field that the packets of its rules have"});
            break;
        }
    }
}

}  // namespace weir::analysis
