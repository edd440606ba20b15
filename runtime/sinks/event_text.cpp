// Tested by tests/unit/runtime/event_text_test.cpp.
#include "runtime/sinks/event_text.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include <fmt/format.h>

#include "grammar/base/names.h"
#include "grammar/base/printable.h"

namespace weir::runtime {
namespace {

// Where a field is.
const std::uint8_t* place(const weir_event_inside& record, std::uint16_t offset) {
    if (offset < WEIR_INSIDE_OFFSET) return reinterpret_cast<const std::uint8_t*>(&record.event.packet) + offset;
    if (offset >= WEIR_FLOW_OFFSET)
        return reinterpret_cast<const std::uint8_t*>(&record.flow) + (offset - WEIR_FLOW_OFFSET);
    return reinterpret_cast<const std::uint8_t*>(&record.inside) + (offset - WEIR_INSIDE_OFFSET);
}

constexpr std::uint32_t kInnerPresent = WEIR_PRESENT_WORDS * 32;  // packet::kInnerPresent

bool has_field(const weir_event_inside& record, const bpf::FieldRef& field) {
    if (field.present_bit >= WEIR_HAS_FLOW)
        return (record.event.flags & WEIR_EVENT_FLOW) != 0 && (record.flow.present & WEIR_BIT(field.present_bit)) != 0;
    const bool is_inside = field.offset >= WEIR_INSIDE_OFFSET || field.present_bit >= kInnerPresent;
    if (is_inside && (record.event.flags & WEIR_EVENT_INSIDE) == 0) return false;
    return field.present_bit < kInnerPresent ? has(record.event.packet, field.present_bit)
                                             : has(record.inside.inner, field.present_bit - kInnerPresent);
}

std::string name_text(const weir_inside& inside) {
    std::string text;
    const std::size_t length = std::min<std::size_t>(inside.name_length, WEIR_NAME_BYTES);
    std::vector<bool> starts(length + 1);
    for (std::size_t i = 0; i < std::min<std::size_t>(inside.name_labels, WEIR_NAME_LABELS); ++i)
        if (inside.label_starts[i] <= length) starts[inside.label_starts[i]] = true;
    for (std::size_t i = 0; i < length; ++i) {
        const std::uint8_t byte = inside.name[i];
        const bool is_dot_within = byte == '.' && inside.is_dotted == 0 && !starts[i + 1];
        if (byte < 0x21 || byte > 0x7e)
            text += fmt::format("\\{:03}", byte);
        else
            text += fmt::format("{}{}", is_dot_within || byte == '\\' ? "\\" : "", static_cast<char>(byte));
    }
    return text;
}

// Bytes of the payload's beginning; none where the event has it not.
std::string frame_text(const weir_event_inside& record, std::uint32_t text) {
    const std::uint32_t payload = record.event.packet.payload_offset;
    const std::size_t captured = std::min<std::size_t>(record.event.captured, WEIR_EVENT_PAYLOAD_BYTES);
    if (WEIR_TEXT_OFFSET(text) < payload) return {};
    const std::size_t first = std::min<std::size_t>(WEIR_TEXT_OFFSET(text) - payload, captured);
    const std::size_t bytes = std::min<std::size_t>(WEIR_TEXT_BYTES(text), captured - first);
    return {reinterpret_cast<const char*>(record.payload) + first, bytes};
}

std::uint64_t member(const weir_event_inside& record, const bpf::FieldRef& field) {
    const auto* bytes = place(record, field.offset);
    std::uint64_t value = 0;
    std::memcpy(&value, bytes, field.size);  // little-endian, as abi.h's users all are: bpfel
    return value >> field.shift & field.mask;
}

// In the largest unit of which there is one at least, three decimals: "1.250ms".
std::string duration_text(std::uint64_t ns) {
    constexpr std::pair<std::string_view, double> kUnits[] = {{"s", 1e9}, {"ms", 1e6}, {"us", 1e3}};
    for (const auto& [unit, each] : kUnits)
        if (static_cast<double>(ns) >= each) return fmt::format("{:.3f}{}", static_cast<double>(ns) / each, unit);
    return fmt::format("{}ns", ns);
}

std::string hole_text(MessageWord word, const PackedEvent& packed) {
    const weir_event& record = packed.event();
    switch (word) {
        case MessageWord::kSuppressed: return std::to_string(record.suppressed);
        case MessageWord::kRule: return packed.manifest->rules[record.rule].name;
        case MessageWord::kPolicy: return packed.manifest->policy;
        case MessageWord::kGeneration: return std::to_string(record.generation);
        case MessageWord::kCount: return std::to_string(packed.escalated == 0 ? 1 : packed.escalated);
        case MessageWord::kVerdict: break;
    }
    const std::string verdict = verdict_text(record);
    return verdict.empty() ? "-" : verdict;
}

// Programs of that direction keep something else in its place (bpf/templates/egress.h).
bool is_lacking(const bpf::FieldRef& field, const bpf::RuleInfo& rule) {
    return rule.direction == bpf::Direction::kOut && field.name == "rx_queue";
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

std::string field_text(const weir_event_inside& record, const bpf::FieldRef& field, const std::string& interface) {
    // A bool that the packet does not have is absent like any other field.
    if (!has_field(record, field)) return "-";
    switch (field.format) {
        case bpf::FieldFormat::kBool: return member(record, field) != 0 ? "true" : "false";
        case bpf::FieldFormat::kMac: return mac_text(member(record, field));
        case bpf::FieldFormat::kName: return name_text(record.inside);
        case bpf::FieldFormat::kText: {
            std::uint32_t text = 0;
            std::memcpy(&text, place(record, field.offset), sizeof(text));
            return frame_text(record, text);
        }
        case bpf::FieldFormat::kIface: return interface.empty() ? "-" : interface;
        case bpf::FieldFormat::kAddress: {
            std::uint32_t words[4] = {};
            std::memcpy(words, place(record, field.offset), std::min<std::size_t>(field.size, sizeof(words)));
            const std::uint8_t version =
                (field.offset < WEIR_INSIDE_OFFSET ? record.event.packet : record.inside.inner).ip_version;
            return address_text(words, field.size > sizeof(words[0]) ? version : std::uint8_t{4});
        }
        case bpf::FieldFormat::kDuration: return duration_text(member(record, field));
        case bpf::FieldFormat::kPayload: return "-";  // events carry no bytes of it
        case bpf::FieldFormat::kNumber: break;
    }
    return std::to_string(member(record, field));
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

Event to_event(const PackedEvent& packed) {
    const weir_event_inside& record = packed.record();
    const bpf::RuleInfo& rule = packed.manifest->rules[record.event.rule];
    const bpf::AlertInfo& alert = packed.manifest->alerts[record.event.alert];
    const std::string interface = packed.interface.data();
    Event event;
    event.id = event_id(packed);
    event.record = record.event;
    event.wall_clock_ns = packed.wall_clock_ns;
    event.policy = packed.manifest->policy;
    event.rule = rule.name;
    event.alert = alert.name;
    event.severity = severity_name(alert.severity);
    event.interface = printable(interface);
    event.verdict = verdict_text(record.event);
    if (record.event.verdict == WEIR_REDIRECT) event.redirected_to = printable(rule.redirect);
    event.direction = rule.direction;
    event.escalated = packed.escalated;
    if (packed.captures) {
        event.packet = packed.captures->packet;
        event.before = packed.captures->before;
    }
    std::string message;
    for (const bpf::MessagePart& part : alert.message) {
        if (const auto* text = std::get_if<std::string>(&part))
            message += *text;
        else if (const auto* field = std::get_if<bpf::FieldRef>(&part))
            message += is_lacking(*field, rule) ? "-" : field_text(record, *field, interface);
        else
            message += hole_text(std::get<MessageWord>(part), packed);
    }
    event.message = printable(message);
    return event;
}

}  // namespace weir::runtime
