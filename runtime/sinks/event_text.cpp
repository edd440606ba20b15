// Tested by tests/unit/runtime/event_text_test.cpp.
#include "runtime/sinks/event_text.h"

#include <algorithm>
#include <bitset>
#include <cstring>
#include <utility>

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

std::uint64_t member(const weir_event_inside& record, const bpf::FieldRef& field) {
    const auto* bytes = place(record, field.offset);
    std::uint64_t value = 0;
    std::memcpy(&value, bytes, field.size);  // little-endian, as abi.h's users all are: bpfel
    return value >> field.shift & field.mask;
}

// In the largest unit of which there is one at least, three decimals: "1.250ms".
void append_duration(TextBuffer& to, std::uint64_t ns) {
    constexpr std::pair<std::string_view, double> kUnits[] = {{"s", 1e9}, {"ms", 1e6}, {"us", 1e3}};
    for (const auto& [unit, each] : kUnits)
        if (static_cast<double>(ns) >= each) {
            constexpr std::size_t kBytes = 40;
            to.filled(fmt::format_to_n(to.room(kBytes), kBytes, "{:.3f}{}", static_cast<double>(ns) / each, unit).out);
            return;
        }
    append_number(to, ns);
    to.append("ns");
}

void append_hole(TextBuffer& to, MessageWord word, const PackedEvent& event) {
    const weir_event& record = event.record().event;
    switch (word) {
        case MessageWord::kSuppressed: return append_number(to, record.suppressed);
        case MessageWord::kRule: return to.append(event.manifest->rules[record.rule].name);
        case MessageWord::kPolicy: return to.append(event.manifest->policy);
        case MessageWord::kGeneration: return append_number(to, record.generation);
        case MessageWord::kCount: return append_number(to, event.escalated == 0 ? 1 : event.escalated);
        case MessageWord::kVerdict: break;
    }
    const std::size_t before = to.size();
    append_verdict(to, record);
    if (to.size() == before) to.append('-');
}

struct AddressWords {
    std::uint32_t words[4] = {};
    std::uint8_t version = 4;
};
AddressWords address_of(const weir_event_inside& record, const bpf::FieldRef& field) {
    AddressWords address;
    std::memcpy(address.words, place(record, field.offset), std::min<std::size_t>(field.size, sizeof(address.words)));
    if (field.size > sizeof(address.words[0]))
        address.version =
            (field.offset < WEIR_INSIDE_OFFSET ? record.event.packet : record.inside.inner).ip_version == 6 ? 6 : 4;
    return address;
}

std::string_view text_of(const weir_event_inside& record, const bpf::FieldRef& field) {
    std::uint32_t text = 0;
    std::memcpy(&text, place(record, field.offset), sizeof(text));
    return frame_text(record, text);
}

void append_bytes(std::string& key, std::string_view bytes) {
    const auto size = static_cast<std::uint32_t>(bytes.size());
    key.append(reinterpret_cast<const char*>(&size), sizeof(size)).append(bytes);
}

}  // namespace

bool is_lacking(const bpf::FieldRef& field, const bpf::RuleInfo& rule) {
    return rule.direction == bpf::Direction::kOut && field.name == "rx_queue";
}

bool append_key(std::string& key, const weir_event_inside& record, const bpf::KeyPart& part) {
    using Format = bpf::FieldFormat;
    const bpf::FieldRef& field = part.field;
    if (!has_field(record, field) || field.format == Format::kIface || field.format == Format::kPayload) return false;
    if (field.format == Format::kAddress) {
        AddressWords address = address_of(record, field);
        const std::uint32_t bits = address.version == 6 ? part.ip6_bits : part.ip4_bits;
        for (std::uint32_t i = 0; i < std::size(address.words); ++i) {
            const std::uint32_t kept = std::clamp(bits, 32 * i, 32 * i + 32) - 32 * i;
            address.words[i] &= kept == 0 ? 0 : ~0u << (32 - kept);
        }
        key += static_cast<char>(address.version);
        key.append(reinterpret_cast<const char*>(address.words), sizeof(address.words));
    } else if (field.format == Format::kName) {
        TextBuffer name;
        append_name(name, record.inside, TextForm::kPrintable);
        append_bytes(key, name.text());
    } else if (field.format == Format::kText) {
        append_bytes(key, text_of(record, field));
    } else {
        const std::uint64_t value = member(record, field);
        key.append(reinterpret_cast<const char*>(&value), sizeof(value));
    }
    return true;
}

bool has(const weir_packet& packet, std::uint32_t present_bit) {
    return present_bit < WEIR_PRESENT_BITS &&
           (packet.present[WEIR_PRESENT_WORD(present_bit)] & WEIR_BIT(present_bit)) != 0;
}

void append_name(TextBuffer& to, const weir_inside& inside, TextForm form) {
    const std::size_t length = std::min<std::size_t>(inside.name_length, WEIR_NAME_BYTES);
    std::bitset<WEIR_NAME_BYTES + 1> starts;
    for (std::size_t i = 0; i < std::min<std::size_t>(inside.name_labels, WEIR_NAME_LABELS); ++i)
        if (inside.label_starts[i] <= length) starts.set(inside.label_starts[i]);
    for (std::size_t i = 0; i < length; ++i) {
        const std::uint8_t byte = inside.name[i];
        const bool is_odd = byte < 0x21 || byte > 0x7e;
        const bool is_dot_within = byte == '.' && inside.is_dotted == 0 && !starts[i + 1];
        if (is_odd || is_dot_within || byte == '\\') append_ascii(to, '\\', form);
        if (!is_odd) {
            append_ascii(to, static_cast<char>(byte), form);
            continue;
        }
        for (const int unit : {100, 10, 1}) to.append(static_cast<char>('0' + byte / unit % 10));
    }
}

std::string_view frame_text(const weir_event_inside& record, std::uint32_t text) {
    const std::uint32_t payload = record.event.packet.payload_offset;
    const std::size_t captured = std::min<std::size_t>(record.event.captured, WEIR_EVENT_PAYLOAD_BYTES);
    if (WEIR_TEXT_OFFSET(text) < payload) return {};
    const std::size_t first = std::min<std::size_t>(WEIR_TEXT_OFFSET(text) - payload, captured);
    const std::size_t bytes = std::min<std::size_t>(WEIR_TEXT_BYTES(text), captured - first);
    return {reinterpret_cast<const char*>(record.payload) + first, bytes};
}

std::string address_text(const std::uint32_t (&words)[4], std::uint8_t version) {
    TextBuffer text;
    append_address(text, words, version);
    return std::string(text.text());
}

std::string_view name_of_interface(const PackedEvent& event) {
    return {event.interface.data(), strnlen(event.interface.data(), event.interface.size())};
}

void append_field(TextBuffer& to, const weir_event_inside& record, const bpf::FieldRef& field,
                  std::string_view interface, TextForm form) {
    // A bool that the packet does not have is absent like any other field.
    if (!has_field(record, field)) return to.append('-');
    switch (field.format) {
        case bpf::FieldFormat::kBool: return to.append(member(record, field) != 0 ? "true" : "false");
        case bpf::FieldFormat::kMac: return append_mac(to, member(record, field));
        case bpf::FieldFormat::kName: return append_name(to, record.inside, form);
        case bpf::FieldFormat::kText: return append_text(to, text_of(record, field), form);
        case bpf::FieldFormat::kIface: return append_text(to, interface.empty() ? "-" : interface, form);
        case bpf::FieldFormat::kAddress: {
            const AddressWords address = address_of(record, field);
            return append_address(to, address.words, address.version);
        }
        case bpf::FieldFormat::kDuration: return append_duration(to, member(record, field));
        case bpf::FieldFormat::kPayload: return to.append('-');  // events carry no bytes of it
        case bpf::FieldFormat::kNumber: break;
    }
    append_number(to, member(record, field));
}

std::string field_text(const weir_event_inside& record, const bpf::FieldRef& field, std::string_view interface) {
    TextBuffer text;
    append_field(text, record, field, interface, TextForm::kPrintable);
    return std::string(text.text());
}

static_assert(kVerdictNames[WEIR_PASS] == "pass" && kVerdictNames[WEIR_DROP] == "drop" &&
              kVerdictNames[WEIR_REJECT] == "reject" && kVerdictNames[WEIR_REDIRECT] == "redirect");

void append_verdict(TextBuffer& to, const weir_event& record) {
    if (record.verdict >= std::size(kVerdictNames)) return;
    if ((record.flags & WEIR_EVENT_WOULD) != 0) to.append("would ");
    to.append(kVerdictNames[record.verdict]);
}

static_assert(severity_name(bpf::AlertSeverity::kLow) == "low" &&
              severity_name(bpf::AlertSeverity::kMedium) == "medium" &&
              severity_name(bpf::AlertSeverity::kHigh) == "high" &&
              severity_name(bpf::AlertSeverity::kCritical) == "critical");

std::string verdict_text(const weir_event& record) {
    TextBuffer text;
    append_verdict(text, record);
    return std::string(text.text());
}

void append_part(TextBuffer& to, const PackedEvent& event, const bpf::MessagePart& part, TextForm form) {
    if (const auto* text = std::get_if<std::string>(&part)) return append_text(to, *text, form);
    if (const auto* word = std::get_if<MessageWord>(&part)) return append_hole(to, *word, event);
    const auto& field = std::get<bpf::FieldRef>(part);
    if (is_lacking(field, event.manifest->rules[event.event().rule])) return to.append('-');
    append_field(to, event.record(), field, name_of_interface(event), form);
}

std::string part_text(const bpf::MessagePart& part, const PackedEvent& event) {
    TextBuffer text;
    append_part(text, event, part, TextForm::kPrintable);
    return std::string(text.text());
}

void append_message(TextBuffer& to, const PackedEvent& event, TextForm form) {
    for (const bpf::MessagePart& part : event.manifest->alerts[event.event().alert].message)
        append_part(to, event, part, form);
}

void append_event_id(TextBuffer& to, const PackedEvent& event) {
    append_hex(to, event.ring, 16);
    to.append('-');
    append_hex(to, event.position, 14);
    if (event.escalated == 0) return;
    to.append("-e");
    if (event.escalation != 0) append_number(to, std::uint64_t{event.escalation} + 1);
}

Event to_event(const PackedEvent& packed) {
    const weir_event& record = packed.record().event;
    const bpf::RuleInfo& rule = packed.manifest->rules[record.rule];
    const bpf::AlertInfo& alert = packed.manifest->alerts[record.alert];
    Event event;
    event.id = event_id(packed);
    event.escalated = packed.escalated;
    event.record = record;
    event.wall_clock_ns = packed.wall_clock_ns;
    event.policy = packed.manifest->policy;
    event.rule = rule.name;
    event.alert = alert.name;
    event.severity = severity_name(alert.severity);
    event.interface = printable(name_of_interface(packed));
    event.verdict = verdict_text(record);
    if (record.verdict == WEIR_REDIRECT) event.redirected_to = printable(rule.redirect);
    event.direction = rule.direction;
    TextBuffer text;
    append_message(text, packed, TextForm::kPrintable);
    event.message = text.text();
    if (packed.captures != nullptr) {
        event.packet.emplace(packed.captures->packet);
        event.before = packed.captures->before;
    }
    return event;
}

}  // namespace weir::runtime
