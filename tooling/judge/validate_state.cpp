// Sequences of packets for what policies remember: state terms and throttles at their limits, what ends by the clock,
// and flows.
// Tested by tests/unit/tooling/validate_test.cpp with `sequence`.
#include <algorithm>

#include <fmt/format.h>

#include "bpf/abi.h"
#include "tooling/judge/lead_in.h"
#include "tooling/judge/validation.h"

namespace weir::tooling {
namespace {

constexpr std::uint64_t kMostPackets = 20'000;  // of a sequence: a limit above that is not tried
constexpr std::uint64_t kMostConversations = 40;
constexpr std::uint64_t kMostFlowPackets = 400;

// After so long the next one passes: a token, or the window's end.
std::uint64_t period_ns(const policy::StateTerm& term, std::uint64_t frame_bytes) {
    const std::uint64_t limit = std::max<std::uint64_t>(term.limit, 1);
    if (term.kind == policy::TermKind::kRate) return term.unit_ns / limit;
    if (term.kind != policy::TermKind::kByteRate) return term.unit_ns;
    return term.unit_ns / limit * frame_bytes + term.unit_ns % limit * frame_bytes / limit;
}

void add_time(std::vector<std::uint64_t>& times, std::uint64_t time_ns) {
    if (time_ns > 1 && std::find(times.begin(), times.end(), time_ns) == times.end()) times.push_back(time_ns);
}

}  // namespace

Status Validation::begin_sequence() {
    ++report_.sequences;
    return start_again();
}

Status Validation::send(const analysis::Probe& probe, std::uint32_t rule, packet::Direction direction,
                        std::uint64_t wait_ns) {
    if (is_out_of_bounds()) return Done{};
    const auto answered = show({probe.packet.frame(), now_ns_ - kStep_ns + wait_ns, probe.interface, direction});
    if (!answered) return answered.error();
    if (!answered->is_judged) return Done{};
    const Judged& judged = answered->judged;
    (judged.has_matched(rule) ? seen_.matched : seen_.missed) = true;
    for (std::size_t i = 0; i < judged.alerts.size(); ++i)
        (judged.suppressed[i] == WEIR_HELD_BACK ? seen_.held_back : seen_.passed).insert(judged.alerts[i]);
    return Done{};
}

// As many packets at once: the last is one beyond the limit of each term.
Status Validation::many_of(std::uint32_t rule, std::uint64_t count, Values values) {
    const policy::Rule& typed = policy_.rules[rule];
    const analysis::Probe& first = probes_.at(rule);
    const packet::Packet read_first = read(shown_of(first, rule));
    for (std::uint64_t i = 0; i < count && !is_out_of_bounds(); ++i) {
        analysis::Probe probe = first;
        for (const policy::StateTerm& term : typed.terms) {
            if (term.value && values == Values::kDistinct) vary(probe, read_first, term.value->field, i);
            if (term.condition == policy::kNoExpr) continue;
            // First none of those that are looked for, then only those.
            aim_.make(probe, term.condition, i < term.least ? packet::Polarity::kFails : packet::Polarity::kHolds);
        }
        if (Status sent = send(probe, rule, typed.direction, 0); !sent) return sent;
    }
    return Done{};
}

// The limit is reached, then the clock goes to just before it ends, to its end, and beyond.
Status Validation::at_times_of(std::uint32_t rule, std::uint64_t count, std::uint64_t wait_ns) {
    if (Status begun = begin_sequence(); !begun) return begun;
    if (Status sent = many_of(rule, count, Values::kDistinct); !sent) return sent;
    const analysis::Probe& probe = probes_.at(rule);
    for (const std::uint64_t wait : {wait_ns - 1, std::uint64_t{1}, std::uint64_t{1}, wait_ns, wait_ns + 1})
        if (Status sent = send(probe, rule, policy_.rules[rule].direction, wait); !sent) return sent;
    return Done{};
}

// Quiet windows, then one with more than so many times the packets.
Status Validation::surge_of(std::uint32_t rule, const policy::StateTerm& term) {
    constexpr int kQuietWindows = 10;  // in the first eight a surge is false
    const std::uint64_t each = term.least + 2, most = term.limit * each + 3;
    if (most > kMostPackets || most < each) return Done{};
    if (Status begun = begin_sequence(); !begun) return begun;
    for (int window = 0; window <= kQuietWindows; ++window) {
        const std::uint64_t count = window == kQuietWindows ? most : each;
        for (std::uint64_t i = 0; i < count; ++i)
            if (Status sent = send(probes_.at(rule), rule, policy_.rules[rule].direction,
                                   i == 0 && window != 0 ? term.unit_ns : 0);
                !sent)
                return sent;
    }
    return Done{};
}

bool Validation::has_flow(const policy::Rule& rule) const {
    const auto reads = [&](policy::ExprId condition) {
        const auto comparisons = analysis::comparisons_of(policy_, condition);
        return std::any_of(comparisons.begin(), comparisons.end(),
                           [&](policy::ExprId one) { return analysis::reads_flow(policy_, one); });
    };
    return policy_.reads_flows &&
           (reads(rule.condition) ||
            std::any_of(rule.terms.begin(), rule.terms.end(), [&](const policy::StateTerm& term) {
                return term.condition != policy::kNoExpr && reads(term.condition);
            }));
}

Status Validation::conversation(const analysis::Probe& there, std::uint32_t rule, Opens opens, std::uint64_t gap_ns,
                                std::uint64_t packets) {
    using packet::Direction;
    analysis::Probe back = there;
    back.packet.turn();
    const Direction way = policy_.rules[rule].direction,
                    other = way == Direction::kIn ? Direction::kOut : Direction::kIn;
    const std::uint64_t step_ns = std::min(gap_ns, kStep_ns);
    struct Step {
        analysis::Probe probe;
        Direction direction;
        std::uint64_t wait_ns;
    };
    std::vector<Step> steps;
    if (opens != Opens::kNobody) {
        const bool is_sender = opens == Opens::kSender;
        const Handshake opened = handshake_of(is_sender ? there : back);
        const Direction first = is_sender ? way : other;
        const Step syn{opened.syn, first, step_ns}, answer{opened.answer, is_sender ? other : way, gap_ns},
            done{opened.done, first, gap_ns};
        for (const Step* step : {&syn, &syn, &answer, &answer, &done, &done}) steps.push_back(*step);
    }
    // An answer of HTTP has a request before it.
    if (packet::Packet(there.packet.frame()).value(packet::FieldId::kHttpStatus))
        back.packet.set_text(packet::FieldId::kHttpMethod, "GET");
    for (std::uint64_t i = 0; i < packets; ++i) {
        if (i < 4) steps.push_back({back, other, i == 1 ? gap_ns : step_ns});
        steps.push_back({there, way, i == 1 || i == 3 ? gap_ns : step_ns});
    }
    for (const Step& step : steps)
        if (Status sent = send(step.probe, rule, step.direction, step.wait_ns); !sent) return sent;
    return Done{};
}

// Both sides, one side; times and numbers of packets around those that the rule compares with.
Status Validation::conversations_of(std::uint32_t rule) {
    std::vector<std::uint64_t> gaps{kStep_ns}, counts{3};
    for (const policy::ExprId id : analysis::comparisons_of(policy_, policy_.rules[rule].condition)) {
        const auto* in = std::get_if<policy::NumberIn>(&policy_.expr(id).node);
        if (in == nullptr || !analysis::reads_flow(policy_, id)) continue;
        const bool is_time = packet::field(in->number.field).type == packet::Type::kDuration;
        for (const auto& [first, last] : in->ranges)
            for (const std::uint64_t end : {first, last}) {
                constexpr std::uint64_t kLongest_ns = 86'400'000'000'000;
                if (end == 0 || end > (is_time ? kLongest_ns : kMostFlowPackets)) continue;
                for (const std::uint64_t value : {end - 1, end, end + 1}) add_time(is_time ? gaps : counts, value);
            }
    }
    std::uint64_t sent = 0;
    for (const std::uint64_t gap : gaps)
        for (const std::uint64_t count : counts)
            for (const Opens opens : {Opens::kSender, Opens::kReceiver, Opens::kNobody})
                if (sent++ < kMostConversations) {
                    if (Status begun = begin_sequence(); !begun) return begun;
                    if (Status done = conversation(probes_.at(rule), rule, opens, gap, count); !done) return done;
                }
    return Done{};
}

// For state terms of rules that read flows: from one port after another; first quick ones, then slow ones.
Status Validation::many_conversations_of(std::uint32_t rule, std::uint64_t count) {
    constexpr std::uint64_t kMost = 1500, kPorts = 20'000, kSlow_ns = 1'000'000'000;
    for (const Opens opens : {Opens::kSender, Opens::kReceiver}) {
        if (Status begun = begin_sequence(); !begun) return begun;
        for (std::uint64_t i = 0; i < std::min(count, kMost) && !is_out_of_bounds(); ++i) {
            analysis::Probe probe = probes_.at(rule);
            probe.packet.set_number(opens == Opens::kSender ? packet::FieldId::kPortSrc : packet::FieldId::kPortDst,
                                    kPorts + i);
            const std::uint64_t gap_ns = i * 2 < count ? 1'000 : kSlow_ns;
            if (Status done = conversation(probe, rule, opens, gap_ns, 2); !done) return done;
        }
    }
    return Done{};
}

void Validation::count_terms(std::uint32_t rule) {
    const policy::Rule& typed = policy_.rules[rule];
    report_.terms.all += typed.terms.size();
    if (seen_.matched && seen_.missed) report_.terms.done += typed.terms.size();
    for (const policy::AlertAction& action : typed.alerts) {
        if (!policy_.alerts[static_cast<std::size_t>(action.alert)].throttle) continue;
        const auto number = static_cast<std::uint32_t>(action.alert);
        ++report_.terms.all;
        if (seen_.passed.contains(number) && seen_.held_back.contains(number)) ++report_.terms.done;
    }
}

Status Validation::sequences_of(std::uint32_t rule) {
    const policy::Rule& typed = policy_.rules[rule];
    const std::uint64_t bytes = probes_.at(rule).packet.frame().size();
    std::uint64_t count = 1;
    std::vector<std::uint64_t> times;
    const auto ends = [&](const policy::SetChange& change) {
        add_time(times, change.for_ns);
        add_time(times, policy_.sets[static_cast<std::size_t>(change.set)].ttl_ns.value_or(0));
    };
    for (const policy::StateTerm& term : typed.terms) {
        count = std::max(count, beyond(term, bytes));
        add_time(times, period_ns(term, bytes));
    }
    std::uint64_t events = 0;  // of throttled alerts, once the terms are true
    for (const policy::SetChange& change : typed.changes) ends(change);
    for (const policy::AlertAction& action : typed.alerts) {
        const policy::Alert& alert = policy_.alerts[static_cast<std::size_t>(action.alert)];
        if (alert.throttle) {
            events = std::max(events, beyond(*alert.throttle, bytes));
            add_time(times, period_ns(*alert.throttle, bytes));
        }
        for (const policy::SetChange& change : alert.responses) ends(change);
        for (const policy::Escalation& escalation : alert.escalations) add_time(times, escalation.window_ns);
    }
    count = std::min(count, kMostPackets + 1) + std::min(events, kMostPackets + 1);
    if (has_flow(typed)) {
        if (Status done = conversations_of(rule); !done) return done;
        if (count > 1)
            if (Status done = many_conversations_of(rule, count); !done) return done;
    }
    const bool is_tried = count <= kMostPackets && (count > 1 || !times.empty());
    if (is_tried) {
        for (const Values values : {Values::kSame, Values::kDistinct}) {
            if (Status begun = begin_sequence(); !begun) return begun;
            if (Status done = many_of(rule, count, values); !done) return done;
        }
        for (const std::uint64_t time : times)
            if (Status done = at_times_of(rule, count, time); !done) return done;
        for (const policy::StateTerm& term : typed.terms)
            if (term.kind == policy::TermKind::kSurge)
                if (Status done = surge_of(rule, term); !done) return done;
    }
    return Done{};
}

Status Validation::sequences() {
    if (!has_state_) return Done{};
    for (std::uint32_t rule = 0; rule < policy_.rules.size() && !is_out_of_bounds(); ++rule) {
        seen_ = {};
        target_ = {rule};
        if (probes_.contains(rule))
            if (Status done = sequences_of(rule); !done) return done;
        count_terms(rule);
        if (!report_.stopped.empty())
            report_.stopped += fmt::format(", at sequences of packets for rule {}", policy_.rules[rule].name);
    }
    probes_.clear();
    return Done{};
}

}  // namespace weir::tooling
