#include "compiler/packet/fields.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <vector>

#include "bpf/abi.h"
#include "grammar/base/nearest.h"

namespace weir::packet {
namespace {

constexpr Field kFields[] = {
#define WEIR_FIELD(id_, name_, type_, bits_, present_, member_, shift_, mask_, doc_) \
    {.id = FieldId::id_,                                                             \
     .name = name_,                                                                  \
     .type = Type::type_,                                                            \
     .bits = bits_,                                                                  \
     .present_bit = WEIR_##present_,                                                 \
     .offset = offsetof(weir_packet, member_),                                       \
     .size = sizeof(weir_packet::member_),                                           \
     .shift = shift_,                                                                \
     .mask = mask_,                                                                  \
     .doc = doc_},
#define WEIR_LATER(id_, name_, type_, bits_, doc_) \
    {.id = FieldId::id_, .name = name_, .type = Type::type_, .bits = bits_, .supported = false, .doc = doc_},
#include "compiler/packet/fields.def"
#undef WEIR_FIELD
#undef WEIR_LATER
};
static_assert(std::size(kFields) == static_cast<std::size_t>(FieldId::kCount));

}  // namespace

std::string_view type_name(Type type) {
    switch (type) {
        case Type::kBool: return "bool";
        case Type::kUint: return "integer";
        case Type::kPort: return "port";
        case Type::kIp: return "address";
        case Type::kMac: return "MAC address";
        case Type::kDomain: return "domain name";
        case Type::kText: return "string";
        case Type::kBytes: return "bytes";
    }
    return "unknown";
}

std::span<const Field> fields() { return kFields; }

const Field& field(FieldId id) { return kFields[static_cast<std::size_t>(id)]; }

std::optional<FieldId> find_field(std::string_view name) {
    static const auto* const by_name = [] {
        auto* map = new std::unordered_map<std::string_view, FieldId>;
        for (const Field& f : kFields) map->emplace(f.name, f.id);
        return map;
    }();
    const auto found = by_name->find(name);
    if (found == by_name->end()) return std::nullopt;
    return found->second;
}

std::string_view nearest_field(std::string_view name) {
    constexpr std::size_t kMaxName = 64;  // longer names are no misspelling of ours
    if (name.size() > kMaxName) return {};
    std::string_view best;
    std::size_t best_distance = std::max<std::size_t>(2, name.size() / 3) + 1;
    for (const Field& f : kFields) {
        const std::size_t distance = edit_distance(name, f.name);
        if (distance < best_distance) {
            best = f.name;
            best_distance = distance;
        }
    }
    return best;
}

}  // namespace weir::packet
