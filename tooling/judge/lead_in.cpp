// Tested by tests/unit/tooling/lead_in_test.cpp.
#include "tooling/judge/lead_in.h"

#include <algorithm>

#include <fmt/format.h>

#include "compiler/packet/dissect.h"

namespace weir::tooling {
namespace {

constexpr std::uint64_t kMostBefore = 5000;  // packets
constexpr int kAims = 24;                    // tries to make a packet that meets a rule
constexpr std::size_t kMostRules = 200;      // of a policy, that are looked at
constexpr std::size_t kMostPauses = 8;
constexpr std::uint64_t kMostOfFlow = 400, kLongest_ns = 86'400'000'000'000, kMicrosecond = 1000;
constexpr std::uint8_t kSyn = 0x02, kSynAck = 0x12, kAck = 0x10;

IpAddress later(IpAddress address, std::uint64_t by) {
    for (std::size_t i = address.version == 4 ? 4 : 16; i-- > 0 && by != 0;) {
        by += address.bytes[i];
        address.bytes[i] = static_cast<std::uint8_t>(by);
        by >>= 8;
    }
    return address;
}

packet::Direction other(packet::Direction direction) {
    return direction == packet::Direction::kIn ? packet::Direction::kOut : packet::Direction::kIn;
}

packet::Packet read_of(const std::vector<std::uint8_t>& frame, packet::Direction direction,
                       const std::string& interface) {
    packet::Packet packet(frame);
    if (direction == packet::Direction::kOut) packet.set_outgoing();
    if (!interface.empty()) packet.set_interface(interface);
    return packet;
}

void give(analysis::Probe& probe, packet::FieldId field, const packet::FieldValue& value) {
    if (const auto* address = std::get_if<IpAddress>(&value))
        probe.packet.set_address(field, *address);
    else if (const auto* number = std::get_if<std::uint64_t>(&value))
        probe.packet.set_number(field, *number);
    else if (const auto* flag = std::get_if<bool>(&value))
        probe.packet.set_flag(field, *flag);
    else if (const auto* name = std::get_if<packet::DomainName>(&value))
        probe.packet.set_text(field, name->text());
    else if (field == packet::FieldId::kIface)
        probe.interface = std::get<std::string>(value);
    else
        probe.packet.set_text(field, std::get<std::string>(value));
}

void add_value(std::vector<std::uint64_t>& values, std::uint64_t value) {
    if (value != 0 && std::find(values.begin(), values.end(), value) == values.end()) values.push_back(value);
}

}  // namespace

std::uint64_t beyond(const policy::StateTerm& term, std::uint64_t frame_bytes) {
    switch (term.kind) {
        case policy::TermKind::kRate: return term.burst + 1;
        case policy::TermKind::kByteRate: return term.burst / std::max<std::uint64_t>(frame_bytes, 1) + 2;
        case policy::TermKind::kCount:
        case policy::TermKind::kDistinct:
        case policy::TermKind::kThrottle: return term.limit + 1;
        case policy::TermKind::kShare: {
            constexpr std::uint64_t kAll = 10'000;  // hundredths of a percent
            const std::uint64_t rest = std::max<std::uint64_t>(kAll - std::min(term.limit, kAll), 1);
            return term.least + term.limit * term.least / rest + 2;
        }
        case policy::TermKind::kSurge: break;
    }
    return 2;
}

void vary(analysis::Probe& probe, const packet::Packet& first, packet::FieldId field, std::uint64_t number) {
    const auto& value = first.value(field);
    if (!value) return;
    if (const auto* address = std::get_if<IpAddress>(&*value))
        return probe.packet.set_address(field, later(*address, number));
    if (const auto* plain = std::get_if<std::uint64_t>(&*value)) return probe.packet.set_number(field, *plain + number);
    if (const auto* flag = std::get_if<bool>(&*value)) return probe.packet.set_flag(field, *flag != (number % 2 == 1));
    if (packet::is_name_or_text(packet::field(field).type))
        probe.packet.set_text(field, fmt::format("n{}.example", number));
}

Handshake handshake_of(const analysis::Probe& client) {
    Handshake made{client, client, client};
    made.answer.packet.turn();
    made.syn.packet.set_handshake(kSyn, 1000, 0);
    made.answer.packet.set_handshake(kSynAck, 2000, 1001);
    made.done.packet.set_handshake(kAck, 1001, 2001);
    return made;
}

LeadIns::LeadIns(const policy::TypedPolicy& policy)
    : policy_(policy), random_(1), aim_(policy_, random_), oracle_(policy_) {
    for (std::size_t i = 0; i < policy_.exprs.size(); ++i) {
        const auto* in = std::get_if<policy::NumberIn>(&policy_.exprs[i].node);
        if (in == nullptr || !analysis::reads_flow(policy_, policy::ExprId{static_cast<std::uint32_t>(i)})) continue;
        const bool is_time = packet::field(in->number.field).type == packet::Type::kDuration;
        for (const auto& [first, last] : in->ranges)
            for (const std::uint64_t end : {first, last}) {
                if (is_time && end <= kLongest_ns)
                    for (const std::uint64_t one : {end - end % kMicrosecond, end - end % kMicrosecond + kMicrosecond})
                        add_value(pauses_ns_, one);
                if (!is_time && end <= kMostOfFlow)
                    for (const std::uint64_t one : {end, end + 1}) add_value(packets_, one);
            }
    }
    if (pauses_ns_.size() > kMostPauses) pauses_ns_.resize(kMostPauses);
    if (packets_.size() > kMostPauses) packets_.resize(kMostPauses);
}

std::vector<Script> LeadIns::to(const ScriptEvent& last) {
    std::vector<Script> scripts;
    if (policy_.rules.size() > kMostRules) return scripts;
    const packet::Packet read = read_of(last.frame, last.direction, last.interface);
    if (policy_.reads_flows) add_flows(last, scripts);
    add_entries(last, read, scripts);
    add_counts(last, read, scripts);
    std::stable_sort(scripts.begin(), scripts.end(),
                     [](const Script& a, const Script& b) { return a.size() < b.size(); });
    return scripts;
}

bool LeadIns::may_meet(const policy::Rule& rule, const ScriptEvent& event) const {
    return rule.direction == event.direction &&
           may_be(packet::Polarity::kHolds, rule.condition, read_of(event.frame, event.direction, event.interface));
}

bool LeadIns::may_be(packet::Polarity polarity, policy::ExprId condition, const packet::Packet& packet) const {
    const auto& node = policy_.expr(condition).node;
    const auto one = [&](policy::ExprId operand) { return may_be(polarity, operand, packet); };
    if (const auto* opposite = std::get_if<policy::Not>(&node))
        return may_be(packet::opposite(polarity), opposite->operand, packet);
    const bool holds = polarity == packet::Polarity::kHolds;
    const auto* all = std::get_if<policy::And>(&node);
    const auto* any = std::get_if<policy::Or>(&node);
    if (all != nullptr || any != nullptr) {
        const std::vector<policy::ExprId>& operands = all != nullptr ? all->operands : any->operands;
        return (all != nullptr) == holds ? std::all_of(operands.begin(), operands.end(), one)
                                         : std::any_of(operands.begin(), operands.end(), one);
    }
    const auto* in = std::get_if<policy::InSet>(&node);
    const bool has_state = analysis::reads_flow(policy_, condition) ||
                           (in != nullptr && policy_.sets[static_cast<std::size_t>(in->set)].dynamic);
    return has_state || oracle_.holds(condition, packet) == holds;
}

// ---- flows ----

// Either end has begun, with and without a handshake; what the policy says of times comes before the last packet.
void LeadIns::add_flows(const ScriptEvent& last, std::vector<Script>& scripts) {
    const auto made = packet::dissect(last.frame);
    if (!made) return;
    const analysis::Probe there(packet::ProbePacket(random_, *made), last.interface);
    analysis::Probe back = there;
    back.packet.turn();
    const packet::Direction way = last.direction, opposite = other(way);
    const auto event = [](const analysis::Probe& probe, packet::Direction direction) {
        return ScriptEvent{0, probe.packet.frame(), direction, probe.interface};
    };
    std::vector<Script> begins = {{}, {event(back, opposite)}, {last, event(back, opposite)}};
    if (made->protocol == packet::TestProtocol::kTcp)
        for (const bool is_sender : {true, false}) {
            const Handshake opened = handshake_of(is_sender ? there : back);
            const packet::Direction first = is_sender ? way : opposite;
            const Script all{event(opened.syn, first), event(opened.answer, other(first)), event(opened.done, first)};
            begins.push_back({all[0]});
            begins.push_back({all[0], all[1]});
            begins.push_back(all);
        }
    for (const Script& begin : begins) {
        const auto add = [&](std::uint64_t times, std::uint64_t pause_ns) {
            Script script = begin;
            script.insert(script.end(), times, last);
            script.back().after_ns = pause_ns;
            scripts.push_back(std::move(script));
        };
        add(1, 0);
        for (const std::uint64_t times : packets_) add(times, 0);
        for (const std::uint64_t pause_ns : pauses_ns_) {
            add(1, pause_ns);
            add(2, pause_ns);
        }
    }
}

// ---- what meets a rule before ----

Script LeadIns::meeting(const policy::Rule& rule, const policy::StateTerm* counted, const std::vector<Same>& same,
                        const ScriptEvent& last, const packet::Packet& read) {
    if (std::any_of(same.begin(), same.end(), [&](const Same& one) { return !read.value(one.of_last); })) return {};
    const auto made = packet::dissect(last.frame);
    const auto begin = [&](int number) {
        if (made && number < kAims / 3) return analysis::Probe(packet::ProbePacket(random_, *made), last.interface);
        constexpr packet::TestProtocol kPlain[] = {packet::TestProtocol::kTcp, packet::TestProtocol::kUdp,
                                                   packet::TestProtocol::kIcmp};
        if (number < 2 * kAims / 3)
            return analysis::Probe(
                packet::ProbePacket(random_, kPlain[static_cast<std::size_t>(number) % std::size(kPlain)]),
                last.interface);
        return analysis::Probe(random_);
    };
    const auto give_all = [&](analysis::Probe& probe) {
        for (const Same& one : same) give(probe, one.field, *read.value(one.of_last));
    };
    for (int number = 0; number < kAims; ++number) {
        analysis::Probe probe = begin(number);
        give_all(probe);
        if (number % 3 != 0) aim_.make(probe, rule.condition, packet::Polarity::kHolds);
        give_all(probe);
        const std::vector<std::uint8_t> frame = probe.packet.frame();
        const packet::Packet found = read_of(frame, rule.direction, probe.interface);
        const auto is_same = [&](const Same& one) { return found.value(one.field) == read.value(one.of_last); };
        if (!std::all_of(same.begin(), same.end(), is_same) || !oracle_.holds(rule.condition, found)) continue;
        std::uint64_t times = 1;
        for (const policy::StateTerm& term : rule.terms)
            if (!term.within && (counted == nullptr || counted == &term))
                times = std::max(times, beyond(term, frame.size()));
        if (times > kMostBefore) return {};
        Script script;
        for (std::uint64_t i = 0; i < times; ++i) {
            analysis::Probe one = probe;
            for (const policy::StateTerm& term : rule.terms) {
                if (term.value && (counted == nullptr || counted == &term)) vary(one, found, term.value->field, i);
                if (counted == nullptr || counted == &term) continue;
                for (const policy::KeyField& key : term.keys)
                    if (std::none_of(counted->keys.begin(), counted->keys.end(),
                                     [&](const policy::KeyField& of) { return of.field == key.field; }))
                        vary(one, found, key.field, i + 1);
            }
            script.push_back({0, one.packet.frame(), rule.direction, one.interface});
        }
        return script;
    }
    return {};
}

// As many packets of the last one's key as a term counts: other packets, and of other keys of the other terms.
void LeadIns::add_counts(const ScriptEvent& last, const packet::Packet& read, std::vector<Script>& scripts) {
    for (const policy::Rule& rule : policy_.rules)
        for (const policy::StateTerm& term : rule.terms) {
            std::vector<Same> same;
            for (const policy::KeyField& key : term.keys) same.push_back({key.field, key.field});
            Script script = meeting(rule, &term, same, last, read);
            if (script.empty()) continue;
            script.push_back(last);
            scripts.push_back(std::move(script));
        }
}

// A packet of a rule that adds what the last one is looked for by.
void LeadIns::add_entries(const ScriptEvent& last, const packet::Packet& read, std::vector<Script>& scripts) {
    for (const policy::Rule& rule : policy_.rules) {
        std::vector<policy::SetChange> changes = rule.changes;
        for (const policy::AlertAction& action : rule.alerts) {
            const auto& responses = policy_.alerts[static_cast<std::size_t>(action.alert)].responses;
            changes.insert(changes.end(), responses.begin(), responses.end());
        }
        for (const policy::SetChange& change : changes)
            for (const policy::Expr& expr : policy_.exprs) {
                const auto* in = std::get_if<policy::InSet>(&expr.node);
                if (!change.adds || in == nullptr || in->set != change.set || in->keys.size() != change.keys.size())
                    continue;
                std::vector<Same> same;
                for (std::size_t i = 0; i < in->keys.size(); ++i) same.push_back({change.keys[i].field, in->keys[i]});
                Script script = meeting(rule, nullptr, same, last, read);
                if (script.empty()) continue;
                script.push_back(last);
                if (std::find(scripts.begin(), scripts.end(), script) == scripts.end())
                    scripts.push_back(std::move(script));
            }
    }
}

}  // namespace weir::tooling
