// Tested by tests/unit/runtime/event_text_test.cpp.
#include "runtime/sinks/event_text.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>

#include <fmt/format.h>

#include "grammar/base/names.h"
#include "grammar/base/printable.h"

namespace weir::runtime {
namespace {

std::uint64_t member(const weir_packet& packet, const bpf::FieldRef& field) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&packet) + field.offset;
    std::uint64_t value = 0;
    std::memcpy(&value, bytes, field.size);  // little-endian, as abi.h's users all are: bpfel
    return value >> field.shift & field.mask;
}

std::string hole_text(bpf::MessageWord word, const weir_event& record, const bpf::RuleInfo& rule) {
    switch (word) {
        case bpf::MessageWord::kSuppressed: return std::to_string(record.suppressed);
        case bpf::MessageWord::kRule: return rule.name;
        case bpf::MessageWord::kVerdict: break;
    }
    const std::string verdict = verdict_text(record);
    return verdict.empty() ? "-" : verdict;
}

}  // namespace

bool has(const weir_packet& packet, std::uint32_t present_bit) {
    return present_bit < WEIR_PRESENT_BITS &&
           (packet.present[WEIR_PRESENT_WORD(present_bit)] & WEIR_BIT(present_bit)) != 0;
}

std::string address_text(const std::uint32_t (&words)[4], std::uint8_t version) {
    std::array<std::uint32_t, 4> wire{};
    for (std::size_t i = 0; i < wire.size(); ++i) wire[i] = htonl(words[i]);
    char text[INET6_ADDRSTRLEN] = {};
    inet_ntop(version == 6 ? AF_INET6 : AF_INET, wire.data(), text, sizeof(text));
    return text;
}

std::string mac_text(std::uint64_t mac) {
    std::string text;
    for (int shift = 40; shift >= 0; shift -= 8)
        text += fmt::format("{}{:02x}", shift == 40 ? "" : ":", mac >> shift & 0xff);
    return text;
}

std::string field_text(const weir_packet& packet, const bpf::FieldRef& field, const std::string& interface) {
    // A bool that the packet does not have is absent like any other field.
    if (!has(packet, field.present_bit)) return "-";
    switch (field.format) {
        case bpf::FieldFormat::kBool: return member(packet, field) != 0 ? "true" : "false";
        case bpf::FieldFormat::kMac: return mac_text(member(packet, field));
        case bpf::FieldFormat::kIface: return interface.empty() ? "-" : interface;
        case bpf::FieldFormat::kAddress: {
            std::uint32_t words[4] = {};
            std::memcpy(words, reinterpret_cast<const std::uint8_t*>(&packet) + field.offset,
                        std::min<std::size_t>(field.size, sizeof(words)));
            return address_text(words, field.size > sizeof(words[0]) ? packet.ip_version : std::uint8_t{4});
        }
        case bpf::FieldFormat::kPayload: return "-";  // events carry no bytes of it
        case bpf::FieldFormat::kNumber: break;
    }
    return std::to_string(member(packet, field));
}

static_assert(kVerdictNames[WEIR_PASS] == "pass" && kVerdictNames[WEIR_DROP] == "drop" &&
              kVerdictNames[WEIR_REJECT] == "reject" && kVerdictNames[WEIR_REDIRECT] == "redirect");

std::string verdict_text(const weir_event& record) {
    if (record.verdict >= std::size(kVerdictNames)) return {};
    return fmt::format("{}{}", (record.flags & WEIR_EVENT_WOULD) != 0 ? "would " : "", kVerdictNames[record.verdict]);
}

constexpr std::string_view severity_name(bpf::AlertSeverity severity) {
    return kSeverityNames[static_cast<std::size_t>(severity)];
}
static_assert(severity_name(bpf::AlertSeverity::kLow) == "low" &&
              severity_name(bpf::AlertSeverity::kMedium) == "medium" &&
              severity_name(bpf::AlertSeverity::kHigh) == "high" &&
              severity_name(bpf::AlertSeverity::kCritical) == "critical");

Event make_event(const weir_event& record, const bpf::Manifest& manifest, const std::string& interface,
                 std::uint64_t boot_ns) {
    const bpf::RuleInfo& rule = manifest.rules[record.rule];
    const bpf::AlertInfo& alert = manifest.alerts[record.alert];
    Event event;
    event.record = record;
    event.wall_clock_ns = boot_ns + record.time_ns;
    event.policy = manifest.policy;
    event.rule = rule.name;
    event.alert = alert.name;
    event.severity = severity_name(alert.severity);
    event.interface = printable(interface);
    event.verdict = verdict_text(record);
    std::string message;
    for (const bpf::MessagePart& part : alert.message) {
        if (const auto* text = std::get_if<std::string>(&part))
            message += *text;
        else if (const auto* field = std::get_if<bpf::FieldRef>(&part))
            message += field_text(record.packet, *field, interface);
        else
            message += hole_text(std::get<bpf::MessageWord>(part), record, rule);
    }
    event.message = printable(message);
    return event;
}

}  // namespace weir::runtime
