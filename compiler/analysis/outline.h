// The outline of a rule: what each of its packets has in the few places that most rules speak of. Told apart by their
// outlines, most rules need no closer look.
#pragma once

#include <array>
#include <cstdint>

#include "compiler/policy/typed_policy.h"

namespace weir::analysis {

// Both ends are inclusive.
struct Interval {
    std::uint64_t first = 0;
    std::uint64_t last = ~std::uint64_t{0};

    bool meets(const Interval& other) const { return first <= other.last && other.first <= last; }
    bool has(std::uint64_t value) const { return first <= value && value <= last; }
};

enum class Place : std::uint8_t { kDestination, kSource, kDestinationPort, kSourcePort };
inline constexpr std::size_t kPlaces = 4;

// An address is its first 64 bits; the bits behind an IPv4 address may be anything.
struct Outline {
    std::array<Interval, kPlaces> places{};
    std::uint32_t ones = 0;   // bits of the first word of `present` that all packets have
    std::uint32_t zeros = 0;  // that none has
    packet::Direction direction = packet::Direction::kIn;

    bool meets(const Outline& other) const {
        if (direction != other.direction || (ones & other.zeros) != 0 || (zeros & other.ones) != 0) return false;
        for (std::size_t i = 0; i < kPlaces; ++i)
            if (!places[i].meets(other.places[i])) return false;
        return true;
    }
};

// The packets of the rule are within it.
Outline outline_of(const policy::TypedPolicy& policy, const policy::Rule& rule);

// Of packets that have that bit of packet::PresentBits.
Outline outline_of(std::uint32_t bit, packet::Direction direction);

}  // namespace weir::analysis
