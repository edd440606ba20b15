// Events as lines of JSON with the names of Suricata's EVE. ASCII only: whatever a packet brings is data in it, never
// structure. Names and when they are there: docs/sinks.md.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/sinks/packed_event.h"
#include "runtime/sinks/text_buffer.h"

namespace weir::runtime {

// kOwn: without the packets that were captured before the event's own, up to 25 KB of text.
enum class EvePackets : std::uint8_t { kAll, kOwn };

// One line, with its newline.
void append_eve_line(TextBuffer& to, const PackedEvent& event, EvePackets packets = EvePackets::kAll);
std::string eve_line(const PackedEvent& event, EvePackets packets = EvePackets::kAll);

}  // namespace weir::runtime
