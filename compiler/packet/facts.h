// What is true of every packet that a reader makes, beyond what its bits of presence say of one another (presence.h):
// the rows WEIR_FACT of fields.def and facts.def.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "compiler/packet/fields.h"

namespace weir::packet {

struct FactPart {
    enum class Kind : std::uint8_t { kHas, kLacks, kNumber, kComesIn, kAtLeast, kAtMost };
    Kind kind = Kind::kHas;
    std::uint32_t bit = 0;  // kHas, kLacks: of PresentBits
    FieldId field{};        // kNumber: its value, masked, is from `first` to `last`
                      // kAtLeast, kAtMost: its value is `first` and the values of `others` together, or more or less
    std::uint64_t mask = ~std::uint64_t{0};
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    std::vector<FieldId> others{};
};
// Where all of `when` is true one of `then` is.
struct Fact {
    std::vector<FactPart> when;
    std::vector<FactPart> then;
};
// Of both layers.
std::span<const Fact> facts();

}  // namespace weir::packet
