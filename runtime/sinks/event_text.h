// An event's record as text for people. Nothing that a packet or an interface's name brings reaches a terminal or a
// file as a control character.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "bpf/abi.h"
#include "compiler/object.h"
#include "grammar/base/names.h"
#include "runtime/sinks/append.h"
#include "runtime/sinks/event.h"
#include "runtime/sinks/packed_event.h"

namespace weir::runtime {

// Does the packet have this (enum weir_present)?
bool has(const weir_packet& packet, std::uint32_t present_bit);

// IPv4 dotted, IPv6 as RFC 5952; `words` as in struct weir_packet.
std::string address_text(const std::uint32_t (&words)[4], std::uint8_t version);

constexpr std::string_view severity_name(bpf::AlertSeverity severity) {
    return kSeverityNames[static_cast<std::size_t>(severity)];
}
std::string_view name_of_interface(const PackedEvent& event);

// A field of the event's packet, "-" where it is absent. `interface` is the name of packet.ifindex. Names have a
// backslash before a dot that is within a label and before a backslash, and \DDD for bytes that are no printable ASCII.
void append_field(TextBuffer& to, const weir_event_inside& record, const bpf::FieldRef& field,
                  std::string_view interface, TextForm form);
// The same as printable text.
std::string field_text(const weir_event_inside& record, const bpf::FieldRef& field, std::string_view interface);

// Appends bytes to `key` that are the same where the field, as the key cuts it, has the same value, and no beginning of
// those of another value. False where the packet does not have it, or no key may.
bool append_key(std::string& key, const weir_event_inside& record, const bpf::KeyPart& part);
// Programs of that direction keep something else in its place (bpf/templates/egress.h).
bool is_lacking(const bpf::FieldRef& field, const bpf::RuleInfo& rule);

// The name of the packet: dns.qname, tls.sni or http.host. Of an event with WEIR_EVENT_INSIDE.
void append_name(TextBuffer& to, const weir_inside& inside, TextForm form);
// Bytes of the payload's beginning (WEIR_TEXT); none where the event does not carry it.
std::string_view frame_text(const weir_event_inside& record, std::uint32_t text);

// "drop", "would drop", or nothing: the verdict of the event's rule.
void append_verdict(TextBuffer& to, const weir_event& record);
std::string verdict_text(const weir_event& record);
// A part of a message: its text, or what its hole stands for.
void append_part(TextBuffer& to, const PackedEvent& event, const bpf::MessagePart& part, TextForm form);
std::string part_text(const bpf::MessagePart& part, const PackedEvent& event);  // printable
// The alert's message with its holes filled.
void append_message(TextBuffer& to, const PackedEvent& event, TextForm form);
// event_id().
void append_event_id(TextBuffer& to, const PackedEvent& event);

// All of its texts.
Event to_event(const PackedEvent& event);

}  // namespace weir::runtime
