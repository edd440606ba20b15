// A frame taken apart into what build_frame() makes frames of.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "compiler/packet/frame_builder.h"

namespace weir::packet {

// Read as if build_frame() had made it; whether it had is known once it is built again. Nothing where it is no ARP,
// TCP, UDP, SCTP, ICMP or IP tunnel. Of a tunnel the payload is all behind the outer header.
std::optional<TestPacket> dissect(std::span<const std::uint8_t> frame);

}  // namespace weir::packet
