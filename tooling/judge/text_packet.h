// A packet as a person writes it: the PACKET of a test step.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/packet/direction.h"
#include "grammar/base/result.h"

namespace weir::tooling {

struct TextPacket {
    std::vector<std::uint8_t> frame{};
    packet::Direction direction = packet::Direction::kIn;
    std::string interface{};
};

// "tcp 198.51.100.7:4000 -> 192.0.2.1:22 syn". The error says what is wrong with the text, as lines for people.
Result<TextPacket> packet_of_text(const std::string& text);

}  // namespace weir::tooling
