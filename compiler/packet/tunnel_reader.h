// How the oracle reads the headers of tunnels: docs/language.md, "Tunnels"; RFC 7348, 5; RFC 8926, 3.4; RFC 2784, RFC
// 2890. What is in a tunnel is read by the reader of packets.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace weir::packet {

inline constexpr std::uint16_t kIp4Type = 0x0800;  // EtherTypes
inline constexpr std::uint16_t kIp6Type = 0x86dd;
inline constexpr std::uint16_t kEthernetType = 0x6558;  // "Transparent Ethernet Bridging"

struct InnerPacket {
    std::size_t at = 0;      // in the payload
    std::uint16_t type = 0;  // what it begins with: one of the three above
};

struct TunnelHeaders {
    std::optional<std::uint32_t> vxlan_vni{};
    std::optional<std::uint32_t> geneve_vni{};
    bool is_gre = false;
    std::optional<std::uint32_t> gre_key{};
    bool is_ipip = false;
    std::optional<InnerPacket> inner{};  // which is to be read
};

// Of a packet whose headers are well-formed, no later fragment. `udp_destination`: 0 where it is not UDP.
TunnelHeaders read_tunnel(std::uint64_t protocol, std::uint64_t udp_destination, std::span<const std::uint8_t> payload);

}  // namespace weir::packet
