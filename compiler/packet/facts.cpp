// Tested by tests/unit/analysis/facts_test.cpp.
#include "compiler/packet/facts.h"

#include "bpf/abi.h"
#include "compiler/packet/presence.h"

namespace weir::packet {
namespace {

using Parts = std::vector<FactPart>;
using Kind = FactPart::Kind;
constexpr std::uint64_t kNoEnd = ~std::uint64_t{0};

FactPart has(std::uint32_t bit) { return {.kind = Kind::kHas, .bit = bit}; }
FactPart lacks(std::uint32_t bit) { return {.kind = Kind::kLacks, .bit = bit}; }
FactPart inner_has(std::uint32_t bit) { return has(bit + kInnerPresent); }
FactPart in(FieldId field, std::uint64_t first, std::uint64_t last) {
    return {.kind = Kind::kNumber, .field = field, .first = first, .last = last};
}
FactPart is(FieldId field, std::uint64_t value) { return in(field, value, value); }
FactPart masked(FieldId field, std::uint64_t mask, std::uint64_t value) {
    return {.kind = Kind::kNumber, .field = field, .mask = mask, .first = value, .last = value};
}
template <typename... Other>
FactPart at_least(FieldId field, std::uint64_t bytes, Other... others) {
    return {.kind = Kind::kAtLeast, .field = field, .first = bytes, .others = {others...}};
}
template <typename... Other>
FactPart at_most(FieldId field, std::uint64_t bytes, Other... others) {
    return {.kind = Kind::kAtMost, .field = field, .first = bytes, .others = {others...}};
}
FactPart comes_in() { return {.kind = Kind::kComesIn}; }
template <typename... Part>
Parts when(Part... parts) {
    return {parts...};
}
template <typename... Part>
Parts then(Part... parts) {
    return {parts...};
}

Parts within(Parts parts) {
    for (FactPart& part : parts) {
        if (part.kind == Kind::kHas || part.kind == Kind::kLacks) part.bit += kInnerPresent;
        const bool has_field = part.kind == Kind::kNumber || part.kind == Kind::kAtLeast || part.kind == Kind::kAtMost;
        if (has_field) part.field = field_id(Layer::kInner, row_of(part.field));
        for (FieldId& other : part.others) other = field_id(Layer::kInner, row_of(other));
    }
    return parts;
}

std::vector<Fact> all_facts() {
    std::vector<Fact> facts;
    const auto add = [&](Layers layers, const Parts& all, const Parts& one) {
        facts.push_back({all, one});
        if (layers == Layers::kBoth) facts.push_back({within(all), within(one)});
    };
    constexpr Layers OUTER = Layers::kOuter, BOTH = Layers::kBoth;  // NOLINT: as the table says it
#define WEIR_FACT(layers, when_, then_) add(layers, when_, then_);
#include "compiler/packet/fields.def"
#define WEIR_FACT(layers, when_, then_) add(layers, when_, then_);
#include "compiler/packet/facts.def"
    return facts;
}

}  // namespace

std::span<const Fact> facts() {
    static const std::vector<Fact> all = all_facts();
    return all;
}

}  // namespace weir::packet
