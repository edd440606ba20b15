// Events as lines of JSON with the names of Suricata's EVE. ASCII only: whatever a packet brings is data in it, never
// structure. Names and when they are there: docs/sinks.md.
#pragma once

#include <string>

#include "runtime/sinks/event.h"
#include "runtime/sinks/packed_event.h"
#include "runtime/sinks/text_buffer.h"

namespace weir::runtime {

// One line, with its newline.
void append_eve_line(TextBuffer& to, const PackedEvent& event);
std::string eve_line(const PackedEvent& event);
// The same of an event that has become texts: without what is inside of the packet.
std::string eve_line(const Event& event);

}  // namespace weir::runtime
