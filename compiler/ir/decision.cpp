// Tested by tests/verdict/inside_test.cpp with `inside`.
#include "compiler/ir/decision.h"

#include <algorithm>

namespace weir::ir {

bool is_inside(const std::vector<SetKeyPart>& parts) {
    return std::any_of(parts.begin(), parts.end(), [](const SetKeyPart& part) {
        return is_inside(part.is_address ? part.address.offset : part.word.offset);
    });
}

bool is_inside(const Predicate& predicate) {
    const auto& node = predicate.node;
    if (const auto* has = std::get_if<Present>(&node)) return has->bits.has_inner();
    if (const auto* in = std::get_if<InRanges>(&node)) return is_inside(in->word.offset);
    if (const auto* both = std::get_if<Compare>(&node))
        return is_inside(both->lhs.offset) || is_inside(both->rhs.offset);
    if (const auto* in = std::get_if<AddressIn>(&node)) return is_inside(in->address.offset);
    if (const auto* both = std::get_if<AddressEqual>(&node))
        return is_inside(both->lhs.offset) || is_inside(both->rhs.offset);
    if (const auto* in = std::get_if<InSet>(&node)) return is_inside(in->key);
    return std::holds_alternative<TextMatch>(node) || std::holds_alternative<TextEqual>(node);
}

}  // namespace weir::ir
