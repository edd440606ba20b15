// How comparisons of one text with literals stand to one another: `== "a"` and `== "b"` are never both true, and
// `starts_with "/admin"` brings `contains "min"`.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "compiler/analysis/universe.h"
#include "compiler/packet/fields.h"
#include "compiler/policy/typed_policy.h"

namespace weir::analysis {

// A comparison of a name, a text, the interface or the payload.
struct TextAtom {
    enum class Kind : std::uint8_t { kMatch, kSlice, kIn };
    Kind kind = Kind::kMatch;
    policy::BytesOp op{};              // kMatch
    std::uint32_t offset = 0;          // kSlice: of the payload, to which the text is equal
    std::vector<std::string> texts{};  // kIn: the entries of the set; else one
    Bdd::Variable variable = 0;        // that is true where the comparison is, if the packet has the field
};

// A set that all packets are in: which of the comparisons of the field go together, and with which lengths. kTrue
// where there are too many of them.
Bdd::Node possible_texts(Universe& universe, packet::FieldId field, std::span<const TextAtom> atoms);

}  // namespace weir::analysis
