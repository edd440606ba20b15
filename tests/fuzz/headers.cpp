// Any frame: the templates' reader of headers, of tunnels and of what ICMP errors quote reads no byte beyond it, and
// says of each field what the oracle's reader says.
#include "tests/fuzz/headers.h"

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <span>

#include "compiler/packet/packet.h"
#include "compiler/packet/presence.h"
#include "grammar/base/check.h"

namespace {

using namespace weir;
using packet::FieldId;

struct Read {
    weir_packet headers{};
    weir_inside inside{};
};

const std::uint8_t* place(const Read& read, std::uint16_t offset) {
    return offset < WEIR_INSIDE_OFFSET
               ? reinterpret_cast<const std::uint8_t*>(&read.headers) + offset
               : reinterpret_cast<const std::uint8_t*>(&read.inside) + offset - WEIR_INSIDE_OFFSET;
}

bool has(const Read& read, std::uint32_t bit) {
    const auto& present = bit < packet::kInnerPresent ? read.headers.present : read.inside.inner.present;
    return (present[WEIR_PRESENT_WORD(bit % packet::kInnerPresent)] & WEIR_BIT(bit)) != 0;
}

std::uint64_t number(const Read& read, FieldId id) {
    const packet::Field& field = packet::field(id);
    std::uint64_t value = 0;
    std::memcpy(&value, place(read, packet::offset(id)), field.size);
    return value >> field.shift & field.mask;
}

IpAddress address(const Read& read, FieldId id) {
    const packet::Field& field = packet::field(id);
    const bool is_inner = packet::layer_of(id) == packet::Layer::kInner;
    IpAddress address;
    const bool is_ip4 = field.size == 4 || has(read, WEIR_HAS_IP4 + (is_inner ? packet::kInnerPresent : 0));
    address.version = is_ip4 ? 4 : 6;
    std::array<std::uint32_t, 4> words{};
    std::memcpy(words.data(), place(read, packet::offset(id)), field.size);
    for (std::size_t i = 0; i < (is_ip4 ? 4u : 16u); ++i)
        address.bytes[i] = static_cast<std::uint8_t>(words[i / 4] >> (24 - 8 * (i % 4)));
    return address;
}

std::optional<packet::FieldValue> value(const Read& read, FieldId id) {
    if (!has(read, packet::present_bit(id))) return std::nullopt;
    const packet::Type type = packet::field(id).type;
    if (type == packet::Type::kIp) return address(read, id);
    if (type == packet::Type::kBool) return number(read, id) != 0;
    return number(read, id);
}

bool is_of_headers(FieldId id) {
    constexpr std::uint32_t kOther = ~(WEIR_NEED_HEADERS | WEIR_NEED_LINK | WEIR_NEED_INNER | WEIR_NEED_INNER_REST);
    const packet::Field& field = packet::field(id);
    return packet::is_supported(id) && (field.need & kOther) == 0 && field.type != packet::Type::kBytes &&
           (field.need & WEIR_NEED_IFACE) == 0;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    // Of its own length: what is read beyond is found.
    const std::unique_ptr<std::uint8_t[]> frame(new std::uint8_t[size]);
    if (size != 0) std::memcpy(frame.get(), bytes, size);
    const auto read = std::make_unique<Read>();
    std::memset(&read->inside, 0xa5, sizeof(read->inside));  // of the packet before
    weir_fuzz_read(frame.get(), size, &read->headers, &read->inside);
    const packet::Packet packet({frame.get(), size});
    for (const packet::Field& field : packet::fields())
        for (const packet::Layer layer : {packet::Layer::kOuter, packet::Layer::kInner}) {
            const FieldId id = packet::field_id(layer, packet::row_of(field.id));
            if (!is_of_headers(id)) continue;
            const auto said = value(*read, id);
            if (said == packet.value(id)) continue;
            std::fprintf(stderr, "%s differs\n", packet::field_name(id).c_str());
            WEIR_CHECK(false);
        }
    // What one packet has follows the facts of fields.def.
    packet::Presence presence;
    for (std::uint32_t bit = 0; bit < 2 * packet::kInnerPresent; ++bit)
        has(*read, bit) ? presence.ones.add(bit) : presence.zeros.add(bit);
    WEIR_CHECK(packet::implied(presence).possible());
    return 0;
}
