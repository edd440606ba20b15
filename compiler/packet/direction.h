// Which way a packet goes.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir::packet {

// kIn: it comes in, at XDP. kOut: the host sends or forwards it, at the egress hook of the interface.
enum class Direction : std::uint8_t { kIn, kOut };
inline constexpr Direction kDirections[] = {Direction::kIn, Direction::kOut};

constexpr std::string_view direction_name(Direction direction) { return direction == Direction::kOut ? "out" : "in"; }

}  // namespace weir::packet
