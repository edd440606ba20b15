// Tested by tests/unit/packet/fields_test.cpp.
#include "compiler/packet/fields.h"

#include <algorithm>
#include <unordered_map>
#include <vector>

#include "bpf/abi.h"
#include "compiler/packet/presence.h"
#include "grammar/base/check.h"
#include "grammar/base/nearest.h"

namespace weir::packet {
namespace {

constexpr Layers kLayersOUTER = Layers::kOuter, kLayersBOTH = Layers::kBoth;
constexpr std::string_view kInnerPrefix = "inner.";

constexpr Field kFields[] = {
#define WEIR_FIELD(id_, name_, type_, bits_, present_, member_, shift_, mask_, layers_, need_, doc_) \
    {.id = FieldId::id_,                                                                             \
     .name = name_,                                                                                  \
     .type = Type::type_,                                                                            \
     .bits = bits_,                                                                                  \
     .layers = kLayers##layers_,                                                                     \
     .need = WEIR_NEED_##need_,                                                                      \
     .present_bit = WEIR_##present_,                                                                 \
     .offset = offsetof(weir_packet, member_),                                                       \
     .size = sizeof(weir_packet::member_),                                                           \
     .shift = shift_,                                                                                \
     .mask = mask_,                                                                                  \
     .doc = doc_},
#define WEIR_INSIDE(id_, name_, type_, bits_, present_, member_, shift_, mask_, layers_, need_, doc_) \
    {.id = FieldId::id_,                                                                              \
     .name = name_,                                                                                   \
     .type = Type::type_,                                                                             \
     .bits = bits_,                                                                                   \
     .layers = kLayers##layers_,                                                                      \
     .need = WEIR_NEED_##need_,                                                                       \
     .present_bit = WEIR_##present_,                                                                  \
     .offset = WEIR_INSIDE_OFFSET + offsetof(weir_inside, member_),                                   \
     .size = sizeof(weir_inside::member_),                                                            \
     .shift = shift_,                                                                                 \
     .mask = mask_,                                                                                   \
     .doc = doc_},
#define WEIR_FLAG(id_, name_, present_, bit_, layers_, need_, doc_)                 \
    {.id = FieldId::id_,                                                            \
     .name = name_,                                                                 \
     .type = Type::kBool,                                                           \
     .bits = 1,                                                                     \
     .layers = kLayers##layers_,                                                    \
     .need = WEIR_NEED_##need_,                                                     \
     .present_bit = WEIR_##present_,                                                \
     .offset = offsetof(weir_packet, present) + 4 * WEIR_PRESENT_WORD(WEIR_##bit_), \
     .size = 4,                                                                     \
     .shift = WEIR_##bit_ % 32,                                                     \
     .mask = 1,                                                                     \
     .doc = doc_},
#define WEIR_FLOW(id_, name_, type_, bits_, present_, member_, need_, doc_) \
    {.id = FieldId::id_,                                                    \
     .name = name_,                                                         \
     .type = Type::type_,                                                   \
     .bits = bits_,                                                         \
     .need = WEIR_NEED_##need_,                                             \
     .present_bit = WEIR_##present_,                                        \
     .offset = WEIR_FLOW_OFFSET + offsetof(weir_flow_view, member_),        \
     .size = sizeof(weir_flow_view::member_),                               \
     .mask = (std::uint64_t{1} << 63) - 1,                                  \
     .doc = doc_},
#define WEIR_FLOW_FLAG(id_, name_, present_, bit_, need_, doc_)      \
    {.id = FieldId::id_,                                             \
     .name = name_,                                                  \
     .type = Type::kBool,                                            \
     .bits = 1,                                                      \
     .need = WEIR_NEED_##need_,                                      \
     .present_bit = WEIR_##present_,                                 \
     .offset = WEIR_FLOW_OFFSET + offsetof(weir_flow_view, present), \
     .size = 4,                                                      \
     .shift = WEIR_##bit_ % 32,                                      \
     .mask = 1,                                                      \
     .doc = doc_},
#include "compiler/packet/fields.def"
};
static_assert(std::size(kFields) == kFieldRows);

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
        case Type::kDuration: return "duration";
    }
    return "unknown";
}

std::span<const Field> fields() { return kFields; }

const Field& field(FieldId id) { return kFields[row_of(id)]; }

namespace {
// Of a TCP header that an ICMP error quotes there are eight bytes at least.
bool is_in_first_tcp_bytes(FieldId id) {
    const auto outer = static_cast<FieldId>(row_of(id));
    return outer == FieldId::kTcp || outer == FieldId::kTcpSport || outer == FieldId::kTcpDport ||
           outer == FieldId::kTcpSeq;
}
}  // namespace

std::uint8_t present_bit(FieldId id) {
    const std::uint8_t bit = field(id).present_bit;
    if (layer_of(id) == Layer::kOuter) return bit;
    const bool is_rest = bit == WEIR_HAS_TCP && !is_in_first_tcp_bytes(id);
    return static_cast<std::uint8_t>((is_rest ? std::uint32_t{WEIR_HAS_TCP_REST} : bit) + kInnerPresent);
}

std::uint16_t offset(FieldId id) {
    const std::uint16_t offset = field(id).offset;
    if (layer_of(id) == Layer::kOuter) return offset;
    return static_cast<std::uint16_t>(WEIR_INSIDE_OFFSET + offsetof(weir_inside, inner) + offset);
}

std::uint16_t print_offset(FieldId id) {
    constexpr std::pair<std::size_t, std::size_t> kPrints[] = {
        {offsetof(weir_inside, name_length), offsetof(weir_inside, name_print)},
        {offsetof(weir_inside, tls_alpn), offsetof(weir_inside, tls_alpn_print)},
        {offsetof(weir_inside, http_method), offsetof(weir_inside, http_method_print)},
        {offsetof(weir_inside, http_target), offsetof(weir_inside, http_target_print)},
        {offsetof(weir_inside, http_path), offsetof(weir_inside, http_path_print)},
        {offsetof(weir_inside, http_user_agent), offsetof(weir_inside, http_user_agent_print)}};
    for (const auto& [text, print] : kPrints)
        if (field(id).offset == WEIR_INSIDE_OFFSET + text)
            return static_cast<std::uint16_t>(WEIR_INSIDE_OFFSET + print);
    WEIR_CHECK(false);
    return 0;
}

std::string field_name(FieldId id) {
    return std::string(layer_of(id) == Layer::kInner ? kInnerPrefix : "") + std::string(field(id).name);
}

bool is_supported(FieldId id) { return layer_of(id) == Layer::kOuter || field(id).layers == Layers::kBoth; }

std::optional<FieldId> find_field(std::string_view name) {
    static const auto* const by_name = [] {
        auto* map = new std::unordered_map<std::string_view, FieldId>;
        for (const Field& f : kFields) map->emplace(f.name, f.id);
        return map;
    }();
    const bool is_inner = name.starts_with(kInnerPrefix);
    if (is_inner) name.remove_prefix(kInnerPrefix.size());
    const auto found = by_name->find(name);
    if (found == by_name->end()) return std::nullopt;
    if (!is_inner) return found->second;
    if (field(found->second).layers != Layers::kBoth) return std::nullopt;
    return field_id(Layer::kInner, row_of(found->second));
}

std::string nearest_field(std::string_view name) {
    const bool is_inner = name.starts_with(kInnerPrefix);
    if (is_inner) name.remove_prefix(kInnerPrefix.size());
    Nearest nearest(name, 2);
    for (const Field& f : kFields)
        if (!is_inner || f.layers == Layers::kBoth) nearest.offer(f.name);
    if (nearest.best().empty()) return {};
    return is_inner ? std::string(kInnerPrefix) + nearest.best() : nearest.best();
}

std::uint32_t FieldSet::needs() const {
    std::uint32_t needs = 0;
    for (const Field& f : kFields) {
        if (contains(f.id)) needs |= f.need;
        if (!contains(field_id(Layer::kInner, row_of(f.id)))) continue;
        needs |= WEIR_NEED_INNER | (f.need != WEIR_NEED_NONE ? WEIR_NEED_INNER_REST : 0);
    }
    return needs;
}

}  // namespace weir::packet
