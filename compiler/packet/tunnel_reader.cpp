// Tested by tests/unit/packet/tunnel_reader_test.cpp.
#include "compiler/packet/tunnel_reader.h"

namespace weir::packet {
namespace {

using Payload = std::span<const std::uint8_t>;

std::uint32_t number(Payload payload, std::size_t at, std::size_t bytes) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) value = value << 8 | payload[at + i];
    return value;
}

bool is_read(std::uint32_t type) { return type == kIp4Type || type == kIp6Type || type == kEthernetType; }

void read_vxlan(Payload payload, TunnelHeaders& headers) {
    if (payload.size() < 8 || (payload[0] & 0x08) == 0) return;
    headers.vxlan_vni = number(payload, 4, 3);
    headers.inner = InnerPacket{8, kEthernetType};
}

void read_geneve(Payload payload, TunnelHeaders& headers) {
    if (payload.size() < 8 || payload[0] >> 6 != 0) return;
    headers.geneve_vni = number(payload, 4, 3);
    const std::size_t at = 8 + (payload[0] & 0x3f) * 4u;  // behind the options
    const std::uint32_t type = number(payload, 2, 2);
    if (at <= payload.size() && is_read(type)) headers.inner = InnerPacket{at, static_cast<std::uint16_t>(type)};
}

void read_gre(Payload payload, TunnelHeaders& headers) {
    headers.is_gre = true;
    if (payload.size() < 4) return;
    const std::uint32_t flags = number(payload, 0, 2);
    const std::uint32_t type = number(payload, 2, 2);
    const bool has_checksum = (flags & 0x8000) != 0, has_routing = (flags & 0x4000) != 0;
    const bool has_key = (flags & 0x2000) != 0, has_sequence = (flags & 0x1000) != 0;
    const bool is_version_0 = (flags & 7) == 0;
    if (!is_version_0) return;
    std::size_t at = 4;
    if (has_checksum || has_routing) at += 4;  // RFC 1701: with either of them both fields are there
    if (has_key && at + 4 <= payload.size()) headers.gre_key = number(payload, at, 4);
    if (has_key) at += 4;
    if (has_sequence) at += 4;
    if (!has_routing && at <= payload.size() && is_read(type))
        headers.inner = InnerPacket{at, static_cast<std::uint16_t>(type)};
}

}  // namespace

TunnelHeaders read_tunnel(std::uint64_t protocol, std::uint64_t udp_destination, Payload payload) {
    constexpr std::uint64_t kUdp = 17, kGre = 47, kIp4InIp = 4, kIp6InIp = 41;
    TunnelHeaders headers;
    if (protocol == kUdp && udp_destination == 4789) read_vxlan(payload, headers);
    if (protocol == kUdp && udp_destination == 6081) read_geneve(payload, headers);
    if (protocol == kGre) read_gre(payload, headers);
    if (protocol == kIp4InIp || protocol == kIp6InIp) {
        headers.is_ipip = true;
        headers.inner = InnerPacket{0, protocol == kIp4InIp ? kIp4Type : kIp6Type};
    }
    return headers;
}

}  // namespace weir::packet
