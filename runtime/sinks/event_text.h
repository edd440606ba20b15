// An event's record as text for people. Nothing that a packet or an interface's name brings reaches a terminal or a
// file as a control character.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "bpf/abi.h"
#include "compiler/object.h"
#include "runtime/sinks/event.h"
#include "runtime/sinks/packed_event.h"

namespace weir::runtime {

// Does the packet have this (enum weir_present)?
bool has(const weir_packet& packet, std::uint32_t present_bit);

// IPv4 dotted, IPv6 as RFC 5952; `words` as in struct weir_packet.
std::string address_text(const std::uint32_t (&words)[4], std::uint8_t version);
// "02:00:00:00:00:01"; the first byte on the wire is the highest.
std::string mac_text(std::uint64_t mac);

// A field of the event's packet, "-" where it is absent. `interface` is the name of packet.ifindex. Names have a
// backslash before a dot that is within a label and before a backslash, and \DDD for bytes that are no printable ASCII.
std::string field_text(const weir_event_inside& record, const bpf::FieldRef& field, const std::string& interface);

// "drop", "would drop", or empty: the verdict of the event's rule.
std::string verdict_text(const weir_event& record);

// All of its texts.
Event to_event(const PackedEvent& event);

}  // namespace weir::runtime
