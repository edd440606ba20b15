// One side of a comparison, once its names are resolved.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "compiler/policy/typed_policy.h"
#include "grammar/source.h"
#include "grammar/value.h"

namespace weir::sema {

struct PlacedValue {
    Value value;
    Span span;
};

struct Operand {
    enum class Kind : std::uint8_t {
        kError,      // said already
        kField,      // `field`, perhaps masked; len(payload) is payload.len
        kCut,        // the first `bits` of `field`, an address
        kSlice,      // payload[offset:length]
        kValue,      // values[0]
        kValues,     // { … }: values
        kTuples,     // { (…), … }: values, `width` a tuple
        kSet,        // `set`
        kTuple,      // (field, …): fields
        kCondition,  // `condition`
    };
    Kind kind = Kind::kError;
    Span span{};
    packet::FieldId field{};
    std::uint64_t mask = ~std::uint64_t{0};
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    std::shared_ptr<const std::vector<PlacedValue>> values{};  // lets are used often, and may be long
    std::size_t width = 1;
    policy::SetId set{};
    std::vector<packet::FieldId> fields{};
    std::vector<policy::AddressBits> cuts{};  // of each of `fields`
    policy::AddressBits bits{};
    bool is_length = false;  // len(field), of a name or text
    policy::ExprId condition = policy::kNoExpr;
    std::uint32_t depth = 0;  // lets that name lets
    bool is_named = false;    // `values` are a let's, and so the same wherever it is used
};

// Of a field: an integer where it is a length.
packet::Type type_of(const Operand& operand);
std::uint8_t width_of(const Operand& operand);  // bits

// The first bits of an address, or a tuple with some in it.
bool is_cut(const Operand& operand);

// Do both mean the same, wherever they stand? False where that takes long to find out.
bool same_meaning(const Operand& a, const Operand& b);

// "an address", "a port" …: what a value or an operand is, for diagnostics.
std::string value_kind(const Value& value);

}  // namespace weir::sema
