// Tested by tests/unit/runtime/reactions_test.cpp.
#include "runtime/engine/reactions.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "runtime/sinks/event_text.h"
#include "runtime/state/set_text.h"

namespace weir::runtime {
namespace {

// "198.51.100.0/24"
std::string cut_address(const std::string& text, const bpf::KeyPart& part) {
    const bool six = text.find(':') != std::string::npos;
    const std::size_t bits = six ? part.ip6_bits : part.ip4_bits;
    std::array<std::uint8_t, 16> bytes{};
    const int family = six ? AF_INET6 : AF_INET;
    if (bits == (six ? 128u : 32u) || inet_pton(family, text.c_str(), bytes.data()) != 1) return text;
    for (std::size_t i = 0; i < bytes.size(); ++i)
        if (i * 8 + 8 > bits)
            bytes[i] = i * 8 >= bits ? 0 : static_cast<std::uint8_t>(bytes[i] & 0xff00u >> (bits - i * 8));
    char cut[INET6_ADDRSTRLEN] = {};
    inet_ntop(family, bytes.data(), cut, sizeof(cut));
    return fmt::format("{}/{}", cut, bits);
}

// An entry of a set as text; nothing where the packet lacks a part of it. Sets that packets change have neither names
// nor texts, and no number is "-".
std::optional<std::string> entry_of(const weir_event_inside& record, const std::vector<bpf::KeyPart>& parts,
                                    const bpf::RuleInfo& rule) {
    std::string entry;
    for (const bpf::KeyPart& part : parts) {
        std::string text = is_lacking(part.field, rule) ? "-" : field_text(record, part.field, {});
        if (text == "-") return std::nullopt;
        if (part.field.format == bpf::FieldFormat::kAddress) text = cut_address(text, part);
        if (&part != &parts.front()) entry += ", ";
        entry += text;
    }
    return entry;
}

// Of an escalation's window. Events that lack a field share one.
std::string window_key(const weir_event_inside& record, const std::vector<bpf::KeyPart>& parts,
                       const bpf::RuleInfo& rule) {
    std::string key;
    for (const bpf::KeyPart& part : parts)
        if (is_lacking(part.field, rule) || !append_key(key, record, part)) return {};
    return key;
}

// What a window goes on for when the policy is loaded again.
std::string identity_of(const bpf::AlertInfo& alert, const bpf::EscalationInfo& escalation,
                        const bpf::Manifest& manifest) {
    std::string identity = fmt::format("{} {} {} {}", alert.name, manifest.sinks[escalation.sink].name,
                                       escalation.count, escalation.window_ns);
    for (const bpf::KeyPart& part : escalation.key)
        identity += fmt::format(" {}/{}/{}", part.field.name, part.ip4_bits, part.ip6_bits);
    return identity;
}

std::uint64_t end_of(const bpf::ResponseInfo& response, std::uint64_t time_ns) {
    constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
    if (response.change == bpf::Change::kRemove || response.for_ns == 0) return 0;
    return response.for_ns > kMost - time_ns ? kMost : time_ns + response.for_ns;
}

}  // namespace

std::vector<std::uint32_t> Reactions::take(const weir_event_inside& record, const bpf::Manifest& manifest) {
    const bpf::AlertInfo& alert = manifest.alerts[record.event.alert];
    if (!alert.responses.empty()) respond(record, manifest);
    std::vector<std::uint32_t> filled;
    for (std::uint32_t i = 0; i < alert.escalations.size(); ++i) {
        const bpf::EscalationInfo& escalation = alert.escalations[i];
        auto& windows =
            windows_.try_emplace(identity_of(alert, escalation, manifest), escalation.count, escalation.window_ns)
                .first->second;
        const std::string key = window_key(record, escalation.key, manifest.rules[record.event.rule]);
        if (!windows.add(key, record.event.time_ns)) continue;
        ++escalations_[{alert.name, manifest.sinks[escalation.sink].name}].escalated;
        filled.push_back(i);
    }
    return filled;
}

void Reactions::respond(const weir_event_inside& record, const bpf::Manifest& manifest) {
    const bpf::AlertInfo& alert = manifest.alerts[record.event.alert];
    for (const bpf::ResponseInfo& response : alert.responses) {
        const bpf::SetInfo& set = manifest.sets[response.set];
        const auto entry = entry_of(record, response.key, manifest.rules[record.event.rule]);
        if (!entry) continue;  // an absent field changes nothing
        if ((record.event.flags & WEIR_EVENT_WOULD) != 0) {
            ++responses_[alert.name].would;
            continue;
        }
        const auto words = set_words(set, *entry);
        Wanted wanted{alert.name, set.identity, {}};
        if (!words || words->size() > WEIR_KEY_WORDS) {
            ++responses_[alert.name].failed;
            continue;
        }
        std::copy(words->begin(), words->end(), wanted.order.key);
        wanted.order.kind = response.change == bpf::Change::kAdd ? WEIR_SET_REQUEST_PUT : WEIR_SET_REQUEST_TAKE_OUT;
        wanted.order.end_ns = end_of(response, record.event.time_ns);
        wanted_.push_back(std::move(wanted));
    }
}

// Of one set in their order; what one set has does not depend on another.
void Reactions::carry_out(SetChanger& changer, const FindSet& find_set) {
    std::set<std::string> sets;
    for (const Wanted& wanted : wanted_) sets.insert(wanted.set);
    for (const std::string& set : sets) {
        std::vector<weir_set_request> orders;
        for (const Wanted& wanted : wanted_)
            if (wanted.set == set) orders.push_back(wanted.order);
        const int map = find_set(set);
        const bool is_done = map >= 0 && changer.carry_out(map, orders);
        std::size_t next = 0;
        for (const Wanted& wanted : wanted_) {
            if (wanted.set != set) continue;
            const weir_set_request& order = orders[next++];
            const bool is_refused = order.kind == WEIR_SET_REQUEST_PUT && order.answer == WEIR_REFUSED;
            ++(is_done && !is_refused ? responses_[wanted.alert].done : responses_[wanted.alert].failed);
        }
    }
    wanted_.clear();
}

void Reactions::escalated(const std::string& alert, const std::string& sink, bool is_delivered) {
    EscalationCounts& counts = escalations_[{alert, sink}];
    ++(is_delivered ? counts.delivered : counts.lost);
}

void Reactions::keep_only(const std::vector<const bpf::Manifest*>& kept) {
    std::set<std::string> identities, alerts;
    std::set<std::pair<std::string, std::string>> escalations;
    for (const bpf::Manifest* manifest : kept)
        for (const bpf::AlertInfo& alert : manifest->alerts) {
            alerts.insert(alert.name);
            for (const bpf::EscalationInfo& one : alert.escalations) {
                identities.insert(identity_of(alert, one, *manifest));
                escalations.emplace(alert.name, manifest->sinks[one.sink].name);
            }
        }
    std::erase_if(windows_, [&](const auto& entry) { return !identities.contains(entry.first); });
    std::erase_if(escalations_, [&](const auto& entry) { return !escalations.contains(entry.first); });
    std::erase_if(responses_, [&](const auto& entry) { return !alerts.contains(entry.first); });
}

void Reactions::fill(const bpf::AlertInfo& alert, const bpf::Manifest& manifest, AlertStatus& status) const {
    std::map<std::string, std::uint64_t> sinks;  // evicted windows
    for (const bpf::EscalationInfo& one : alert.escalations) {
        const auto windows = windows_.find(identity_of(alert, one, manifest));
        sinks[manifest.sinks[one.sink].name] += windows == windows_.end() ? 0 : windows->second.evictions();
    }
    for (const auto& [sink, evicted] : sinks) {
        EscalationStatus& row = status.escalations.emplace_back();
        const auto counted = escalations_.find({alert.name, sink});
        if (counted != escalations_.end()) static_cast<EscalationCounts&>(row) = counted->second;
        row.sink = sink;
        row.evicted = evicted;
        row.pending = row.escalated - row.delivered - row.lost;
    }
    if (alert.responses.empty()) return;
    const auto counted = responses_.find(alert.name);
    status.responses = counted == responses_.end() ? ResponseStatus{} : counted->second;
}

}  // namespace weir::runtime
