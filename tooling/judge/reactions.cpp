// Tested by tests/unit/tooling/reactions_test.cpp and tests/verdict/reactions.rules.
#include "tooling/judge/reactions.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "bpf/abi.h"
#include "compiler/oracle/state.h"

namespace weir::tooling {
namespace {

std::optional<packet::FieldValue> value_of(const policy::KeyField& key, const packet::Packet& packet) {
    const auto& value = packet.value(key.field);
    const auto* address = value ? std::get_if<IpAddress>(&*value) : nullptr;
    if (address == nullptr) return value;
    return oracle::first_bits(*address, address->version == 4 ? key.bits.ip4 : key.bits.ip6);
}

void add_bytes(std::string& key, std::string_view bytes) {
    key += static_cast<char>(bytes.size() / 256);
    key += static_cast<char>(bytes.size() % 256);
    key += bytes;
}

void add_value(std::string& key, const packet::FieldValue& value) {
    key += static_cast<char>('0' + value.index());
    if (const auto* flag = std::get_if<bool>(&value)) key += *flag ? '1' : '0';
    if (const auto* number = std::get_if<std::uint64_t>(&value)) add_bytes(key, std::to_string(*number));
    if (const auto* address = std::get_if<IpAddress>(&value)) add_bytes(key, to_string(*address));
    if (const auto* text = std::get_if<std::string>(&value)) add_bytes(key, *text);
    if (const auto* name = std::get_if<packet::DomainName>(&value)) {
        key += std::to_string(name->labels.size());
        for (const std::string& label : name->labels) add_bytes(key, label);
    }
}

// All packets that lack a field of it share one.
std::string key_of(const std::vector<policy::KeyField>& keys, const packet::Packet& packet) {
    std::string key;
    for (const policy::KeyField& field : keys) {
        const auto value = value_of(field, packet);
        if (!value) return {};
        add_value(key, *value);
    }
    return key;
}

}  // namespace

bool Reactions::any(const policy::TypedPolicy& policy) {
    return std::any_of(policy.alerts.begin(), policy.alerts.end(), [](const policy::Alert& alert) {
        return !alert.escalations.empty() || !alert.responses.empty();
    });
}

Reactions::Reactions(const policy::TypedPolicy& policy) : policy_(policy), flows_(policy.flows_size) { begin(); }

void Reactions::begin() {
    reached_.clear();
    windows_.clear();
    tls_walks_ = {};
    flows_ = oracle::Flows(policy_.flows_size);
    for (std::uint32_t alert = 0; alert < policy_.alerts.size(); ++alert)
        for (std::uint32_t i = 0; i < policy_.alerts[alert].escalations.size(); ++i) {
            const policy::Escalation& one = policy_.alerts[alert].escalations[i];
            windows_.emplace(std::pair(alert, i), runtime::EventWindows(one.count, one.window_ns));
        }
}

// With what it has of its flow, and of a hello that began in an earlier segment.
packet::Packet Reactions::read(const Shown& shown) {
    packet::Packet packet(shown.frame);
    if (shown.direction == packet::Direction::kOut) packet.set_outgoing();
    if (!shown.interface.empty()) packet.set_interface(std::string(shown.interface));
    tls_walks_.read(packet, shown.time_ns);
    if (policy_.reads_flows) flows_.look_up(packet, shown.time_ns);
    return packet;
}

void Reactions::enter(const packet::Packet& packet, const Shown& shown, const Judged& judged) {
    if (!policy_.reads_flows || judged.verdict == WEIR_DROP) return;
    flows_.enter(packet, shown.time_ns, shown.direction,
                 judged.verdict == WEIR_REJECT ? oracle::Flows::As::kRejected : oracle::Flows::As::kPassed);
}

void Reactions::escalate(std::uint32_t alert, const packet::Packet& packet, std::uint64_t time_ns, Judged& judged) {
    const std::vector<policy::Escalation>& all = policy_.alerts[alert].escalations;
    for (std::uint32_t i = 0; i < all.size(); ++i)
        if (windows_.at({alert, i}).add(key_of(all[i].keys, packet), time_ns)) judged.escalated.push_back({alert, i});
}

void Reactions::respond(std::uint32_t alert, const packet::Packet& packet, std::uint64_t time_ns,
                        std::vector<Response>& changes) const {
    constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();
    for (const policy::SetChange& wanted : policy_.alerts[alert].responses) {
        Response change{wanted.set, wanted.adds, {}, 0};
        for (const policy::KeyField& key : wanted.keys) {
            const auto value = value_of(key, packet);
            if (!value) break;
            policy::SetElement& element = change.entry.emplace_back();
            if (const auto* address = std::get_if<IpAddress>(&*value)) {
                element.address = *address;
                element.prefix_length = address->version == 4 ? key.bits.ip4 : key.bits.ip6;
            } else {
                element.number = std::get<std::uint64_t>(*value);
            }
        }
        if (change.entry.size() != wanted.keys.size()) continue;  // a field is absent
        if (wanted.adds && wanted.for_ns != 0)
            change.end_ns = wanted.for_ns > kNever - time_ns ? kNever : time_ns + wanted.for_ns;
        changes.push_back(std::move(change));
    }
}

// Which rule an alert is of: those of a rule that matches are reached in their order, and a sampled one runs the first,
// the N+1st, ... time.
std::vector<Response> Reactions::react(const Shown& shown, Judged& judged) {
    std::vector<Response> changes;
    const packet::Packet packet = read(shown);
    std::size_t next = 0;
    for (const std::uint32_t rule : judged.matched) {
        const policy::Rule& of = policy_.rules[rule];
        for (std::uint32_t i = 0; i < of.alerts.size(); ++i) {
            if (reached_[{rule, i}]++ % of.alerts[i].sample != 0 || next == judged.alerts.size()) continue;
            const std::uint32_t alert = judged.alerts[next];
            const bool passes = judged.suppressed[next] != WEIR_HELD_BACK;
            ++next;
            if (!passes) continue;
            escalate(alert, packet, shown.time_ns, judged);
            if (!of.observe) respond(alert, packet, shown.time_ns, changes);
        }
    }
    enter(packet, shown, judged);
    return changes;
}

}  // namespace weir::tooling
