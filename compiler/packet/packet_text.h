// A frame as the PACKET of a test step: what sema reads back to exactly this frame.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "compiler/packet/direction.h"

namespace weir::packet {

// `tcp 198.51.100.7:4000 -> 192.0.2.1:22 syn ttl 3`, `out udp …`, `… inside vxlan 42 …`, with `on "eth1"` where the
// interface is named. What the words of the language cannot say to the last bit (other TCP options, a wrong checksum,
// padding) is `hex "…"`. A name of more than 15 bytes belongs to no interface, and is left out.
std::string packet_text(std::span<const std::uint8_t> frame, Direction direction = Direction::kIn,
                        std::string_view interface = {});

}  // namespace weir::packet
