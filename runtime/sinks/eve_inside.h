// What an EVE line says of what was read behind the headers. Of an event that carries it (WEIR_EVENT_INSIDE).
#pragma once

#include "bpf/abi.h"
#include "compiler/object.h"
#include "runtime/sinks/text_buffer.h"

namespace weir::runtime {

// Is the alert about the packet within a tunnel? Its message names a field of that packet, and there is one.
bool is_about_inner(const weir_event_inside& record, const bpf::AlertInfo& alert);

// "src_ip", "src_port", …, "icmp_code", each with a comma before it. Nothing where the packet is not IP.
void append_eve_addresses(TextBuffer& to, const weir_packet& packet);

// Each of these is nothing where the packet has nothing of it; else it begins with a comma.
void append_eve_flow(TextBuffer& to, const weir_event_inside& record, std::uint64_t wall_clock_ns);
void append_eve_tunnel(TextBuffer& to, const weir_event_inside& record);
void append_eve_protocols(TextBuffer& to, const weir_event_inside& record);
// ,"tunnel":{"type":"vxlan","id":42}, for `weir`.
void append_tunnel_type(TextBuffer& to, const weir_event_inside& record);

}  // namespace weir::runtime
