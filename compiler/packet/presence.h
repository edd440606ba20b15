// What a packet has: bits of weir_packet.present, and what follows from them (fields.def).
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "bpf/abi.h"
#include "compiler/packet/fields.h"

namespace weir::packet {

// The bits of the packet within a tunnel, weir_inside.inner.present, follow those of the packet.
inline constexpr std::uint32_t kInnerPresent = WEIR_PRESENT_WORDS * 32;
// Behind those are the ones of the packet's flow: enum weir_flow_present, one word.
inline constexpr std::uint32_t kFlowPresent = 2 * kInnerPresent;
inline constexpr std::uint32_t kAllPresent = kFlowPresent + 32;
static_assert(WEIR_HAS_FLOW == kFlowPresent && WEIR_FLOW_PRESENT_END <= kAllPresent);

// Some of the bits of weir_packet.present of both layers, and of the flow, word by word.
struct PresentBits {
    std::array<std::uint32_t, kAllPresent / 32> words{};

    constexpr PresentBits() = default;
    constexpr PresentBits(std::initializer_list<std::uint32_t>
                              bits) {  // enum weir_present, kInnerPresent + one, or enum weir_flow_present
        for (const std::uint32_t bit : bits) add(bit);
    }

    constexpr void add(std::uint32_t bit) { words[WEIR_PRESENT_WORD(bit)] |= WEIR_BIT(bit); }
    constexpr void remove(std::uint32_t bit) { words[WEIR_PRESENT_WORD(bit)] &= ~WEIR_BIT(bit); }
    constexpr bool has(std::uint32_t bit) const { return (words[WEIR_PRESENT_WORD(bit)] & WEIR_BIT(bit)) != 0; }
    constexpr bool empty() const { return *this == PresentBits{}; }
    // Some are of the packet within a tunnel, or of the flow: they are not in struct weir_packet.
    constexpr bool has_inner() const {
        for (std::size_t i = WEIR_PRESENT_WORDS; i < words.size(); ++i)
            if (words[i] != 0) return true;
        return false;
    }
    std::uint32_t count() const;
    // Are all of these in the packet? None may be of the packet within or of the flow.
    bool in(const weir_packet& packet) const;

    constexpr PresentBits& operator|=(const PresentBits& other) {
        for (std::size_t i = 0; i < words.size(); ++i) words[i] |= other.words[i];
        return *this;
    }
    friend constexpr PresentBits operator|(PresentBits a, const PresentBits& b) { return a |= b; }
    friend constexpr PresentBits operator&(PresentBits a, const PresentBits& b) {
        for (std::size_t i = 0; i < a.words.size(); ++i) a.words[i] &= b.words[i];
        return a;
    }
    friend constexpr PresentBits operator-(PresentBits a, const PresentBits& b) {  // those that are not in b
        for (std::size_t i = 0; i < a.words.size(); ++i) a.words[i] &= ~b.words[i];
        return a;
    }
    friend constexpr auto operator<=>(const PresentBits&, const PresentBits&) = default;
};

// A row WEIR_PRESENT of fields.def.
struct PresenceFact {
    std::uint32_t bit = 0;
    std::string_view name;
    PresentBits follows;
    PresentBits one_of;
    PresentBits never;
    std::optional<std::pair<FieldId, std::uint64_t>> value;
};
std::span<const PresenceFact> presence_facts();
// A bool field that is true wherever it is there: `tcp`.
bool is_presence(FieldId id);
// Of a bool field that is a bit of presence: that bit, of PresentBits.
std::optional<std::uint32_t> flag_bit(FieldId id);
// Of a bit: "tcp", "is_fragment".
std::string_view present_name(std::uint32_t bit);

// What is known of a packet: bits that are one and bits that are zero.
struct Presence {
    PresentBits ones;
    PresentBits zeros;

    bool possible() const { return (ones & zeros).empty(); }
    friend auto operator<=>(const Presence&, const Presence&) = default;
};
// All that follows: TCP is IP, and no UDP.
Presence implied(const Presence& presence);
// The least that says the same.
Presence reduced(Presence presence);

}  // namespace weir::packet
