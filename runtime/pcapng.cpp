// Tested by tests/unit/runtime/pcapng_test.cpp.
#include "runtime/pcapng.h"

#include "bpf/abi.h"

namespace weir::runtime {
namespace {

// Section numbers are those of the draft. Words are little-endian, as the section's head says.
constexpr std::uint32_t kInterface = 1, kEnhancedPacket = 6;           // 4
constexpr std::uint16_t kComment = 1, kName = 2, kTimeResolution = 9;  // 3.5, 4.2
constexpr std::uint16_t kFlags = 2, kVerdict = 7;                      // 4.3
constexpr std::uint8_t kVerdictOfTc = 1, kVerdictOfXdp = 2;
constexpr std::uint16_t kEthernet = 1;  // LINKTYPE_ETHERNET
constexpr std::size_t kMaxOptionBytes = 0xffff;

template <typename T>
void append(std::string& out, T value) {
    for (unsigned i = 0; i < sizeof(T); ++i) out += static_cast<char>(value >> 8 * i & 0xff);
}
void append_padded(std::string& out, std::string_view bytes) {
    out += bytes;
    out.append((4 - bytes.size() % 4) % 4, '\0');
}
void append_option(std::string& out, std::uint16_t code, std::string_view value) {
    append(out, code);
    append(out, static_cast<std::uint16_t>(value.size()));
    append_padded(out, value);
}
void append_block(std::string& out, std::uint32_t type, const std::string& body) {
    const auto length = static_cast<std::uint32_t>(body.size() + 12);
    append(out, type);
    append(out, length);
    out += body;
    append(out, length);
}

// Whole characters.
std::string_view that_fits(std::string_view text) {
    if (text.size() <= kMaxOptionBytes) return text;
    std::size_t end = kMaxOptionBytes;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
    return text.substr(0, end);
}

// What the hook answered: enum xdp_action, or TC_ACT_OK and TC_ACT_SHOT (linux/pkt_cls.h).
std::string verdict_option(std::uint32_t verdict, PacketDirection direction) {
    std::string value;
    if (direction == PacketDirection::kOut) {
        value += static_cast<char>(kVerdictOfTc);
        append(value, std::uint64_t{verdict == WEIR_PASS ? 0u : 2u});
        return value;
    }
    constexpr std::uint64_t kActions[] = {2, 1, 3, 4};  // XDP_PASS, XDP_DROP, XDP_TX, XDP_REDIRECT
    value += static_cast<char>(kVerdictOfXdp);
    append(value, verdict < std::size(kActions) ? kActions[verdict] : std::uint64_t{0});
    return value;
}

}  // namespace

std::string PcapngSection::interface_block(const std::string& name) {
    interfaces_.emplace(name, static_cast<std::uint32_t>(interfaces_.size()));
    std::string interface, out;
    append(interface, kEthernet);
    append(interface, std::uint16_t{0});
    append(interface, std::uint32_t{0});  // no limit on a frame
    if (!name.empty()) append_option(interface, kName, that_fits(name));
    append_option(interface, kTimeResolution, "\x09");  // ns
    append(interface, std::uint32_t{0});                // end of options
    append_block(out, kInterface, interface);
    return out;
}

std::string PcapngSection::begin() {
    interfaces_.clear();
    std::string section, out;
    append(section, std::uint32_t{0x1a2b3c4d});  // byte order
    append(section, std::uint16_t{1});           // version 1.0
    append(section, std::uint16_t{0});
    append(section, ~std::uint64_t{0});  // length of the section: not said
    append_block(out, kMagic, section);
    return out + interface_block({});
}

std::string PcapngSection::packet(const PcapngPacket& packet) {
    std::string out, body;
    if (!interfaces_.contains(packet.interface)) out = interface_block(std::string(packet.interface));
    append(body, interfaces_.find(packet.interface)->second);
    append(body, static_cast<std::uint32_t>(packet.time_ns >> 32));
    append(body, static_cast<std::uint32_t>(packet.time_ns));
    append(body, static_cast<std::uint32_t>(packet.bytes.size()));
    append(body, packet.original_bytes);
    append_padded(body, {reinterpret_cast<const char*>(packet.bytes.data()), packet.bytes.size()});
    append_option(body, kComment, that_fits(packet.comment));
    if (packet.direction != PacketDirection::kUnknown) {
        std::string flags;  // bits 0 and 1: 1 in, 2 out
        append(flags, std::uint32_t{packet.direction == PacketDirection::kIn ? 1u : 2u});
        append_option(body, kFlags, flags);
    }
    if (packet.verdict) append_option(body, kVerdict, verdict_option(*packet.verdict, packet.direction));
    append(body, std::uint32_t{0});
    append_block(out, kEnhancedPacket, body);
    return out;
}

}  // namespace weir::runtime
