// The packet fields of the language, from fields.def.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "compiler/packet/types.h"

namespace weir::packet {

// A row of fields.def, and with kInnerRow added the same field of the packet within a tunnel.
enum class FieldId : std::uint16_t {
#define WEIR_FIELD(id, ...) id,
#define WEIR_INSIDE(id, ...) id,
#define WEIR_FLAG(id, ...) id,
#define WEIR_FLOW(id, ...) id,
#define WEIR_FLOW_FLAG(id, ...) id,
#include "compiler/packet/fields.def"
    kCount
};

enum class Layer : std::uint8_t { kOuter, kInner };
inline constexpr std::uint16_t kFieldRows = static_cast<std::uint16_t>(FieldId::kCount);
inline constexpr std::uint16_t kInnerRow = 1u << 12;
static_assert(kFieldRows <= kInnerRow);

constexpr Layer layer_of(FieldId id) {
    return static_cast<std::uint16_t>(id) < kInnerRow ? Layer::kOuter : Layer::kInner;
}
constexpr std::uint16_t row_of(FieldId id) { return static_cast<std::uint16_t>(id) & (kInnerRow - 1); }
constexpr FieldId field_id(Layer layer, std::uint16_t row) {
    return static_cast<FieldId>(layer == Layer::kOuter ? row : row | kInnerRow);
}

enum class Layers : std::uint8_t { kOuter, kBoth };  // which packets have the field: with kBoth a tunnelled one, too

// What both layers of a field have in common.
struct Field {
    FieldId id{};  // of the outer layer
    std::string_view name;
    Type type{};
    std::uint8_t bits = 0;  // width that integer literals must fit
    Layers layers = Layers::kOuter;
    std::uint32_t need = 0;  // WEIR_NEED_*: what the reader of packets must fill
    // Where the compiled path finds it in struct weir_packet or, from WEIR_INSIDE_OFFSET on, in struct weir_inside
    // (bpf/abi.h); the oracle does not read these. Of the outer layer.
    std::uint8_t present_bit = 0;
    std::uint16_t offset = 0;  // bytes
    std::uint8_t size = 0;     // bytes of the member: 1, 2, 4, 8; 16 for either-version addresses
    std::uint8_t shift = 0;
    std::uint64_t mask = 0;  // value = (member >> shift) & mask
    std::string_view doc;
};

std::span<const Field> fields();
const Field& field(FieldId id);
// The bit and the place of a field of either layer: those of the inner one are in weir_inside.inner.
std::uint8_t present_bit(FieldId id);  // of packet::PresentBits
std::uint16_t offset(FieldId id);
// Where the print of a name or text is that keys of state have: 8 bytes.
std::uint16_t print_offset(FieldId id);
constexpr bool is_name_or_text(Type type) { return type == Type::kDomain || type == Type::kText; }
// "ip.src", "inner.ip.src".
std::string field_name(FieldId id);
// False: the name means something, and nothing reads it yet.
bool is_supported(FieldId id);
std::optional<FieldId> find_field(std::string_view name);
// The known name nearest to a misspelt one, or empty where none is near.
std::string nearest_field(std::string_view name);

class FieldSet {
public:
    void add(FieldId id) { in_.set(place(id)); }
    bool contains(FieldId id) const { return in_.test(place(id)); }
    // All that the reader of packets must fill for them: WEIR_NEED_*.
    std::uint32_t needs() const;

private:
    static std::size_t place(FieldId id) {
        return row_of(id) + (layer_of(id) == Layer::kInner ? std::size_t{kFieldRows} : 0);
    }
    std::bitset<2 * std::size_t{kFieldRows}> in_;
};

}  // namespace weir::packet
