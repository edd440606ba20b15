// The numbers of a packet that rules put conditions on.
#pragma once

#include <compare>
#include <cstdint>

#include "bpf/abi.h"

namespace weir::ir {

// How a side of a box speaks of its word: an interval, or bits that must have a value.
enum class SideKind : std::uint8_t { kInterval, kBits };

// A number of the packet that boxes have a side for: (32-bit word `word` of struct weir_packet >> shift), `bits` wide.
struct Dimension {
    std::uint8_t word = 0;
    std::uint8_t shift = 0;
    std::uint8_t bits = 32;
    SideKind kind = SideKind::kInterval;

    std::uint32_t full() const { return bits == 32 ? ~0u : (1u << bits) - 1; }
    std::uint32_t of(const std::uint32_t* words) const { return words[word] >> shift & full(); }
    friend auto operator<=>(const Dimension&, const Dimension&) = default;
};
inline constexpr std::uint32_t kPacketWords = sizeof(weir_packet) / sizeof(std::uint32_t);
static_assert(kPacketWords <= 64, "a slot of a tree has 6 bits for the word: WEIR_SLOT_WORD");
// Dimension i is word i of weir_packet.present, kBits: these are always there.
inline constexpr std::uint32_t kPresentDimensions = WEIR_PRESENT_WORDS;

// kInterval: `first` to `last`, inclusive. kBits: (value & last) == first.
struct Side {
    std::uint32_t dimension = 0;
    std::uint32_t first = 0;
    std::uint32_t last = 0;

    friend auto operator<=>(const Side&, const Side&) = default;
};

}  // namespace weir::ir
