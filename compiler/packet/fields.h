// The packet fields of the language, from fields.def.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "compiler/packet/types.h"

namespace weir::packet {

enum class FieldId : std::uint16_t {
#define WEIR_FIELD(id, name, type, bits, present, member, shift, mask, doc) id,
#define WEIR_LATER(id, name, type, bits, doc) id,
#include "compiler/packet/fields.def"
#undef WEIR_FIELD
#undef WEIR_LATER
    kCount
};

struct Field {
    FieldId id{};
    std::string_view name;
    Type type{};
    std::uint8_t bits = 0;  // width that integer literals must fit
    bool supported = true;  // false: parsed and typed, refused as not yet supported
    // Where the compiled path finds it in struct weir_packet (bpf/abi.h); the oracle does not read these.
    std::uint8_t present_bit = 0;
    std::uint16_t offset = 0;  // bytes
    std::uint8_t size = 0;     // bytes of the member: 1, 2, 4, 8; 16 for either-version addresses
    std::uint8_t shift = 0;
    std::uint64_t mask = 0;  // value = (member >> shift) & mask
    std::string_view doc;
};

std::span<const Field> fields();
const Field& field(FieldId id);
std::optional<FieldId> find_field(std::string_view name);
// The known name nearest to a misspelt one, or empty where none is near.
std::string_view nearest_field(std::string_view name);

}  // namespace weir::packet
