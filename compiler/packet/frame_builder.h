// Frames of test packets: each header from its fields, lengths and checksums right.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "grammar/value.h"

namespace weir::packet {

enum class TestProtocol : std::uint8_t { kTcp, kUdp, kSctp, kIcmp, kIcmp6, kArp, kGre, kIp4InIp, kIp6InIp };

// What a test says of a packet, and what it is where the test says nothing.
struct TestPacket {
    TestProtocol protocol = TestProtocol::kTcp;
    IpAddress source;
    IpAddress destination;
    std::uint16_t source_port = 49152;  // the first dynamic port (RFC 6335)
    std::uint16_t destination_port = 0;
    MacAddress eth_source{{0x02, 0, 0, 0, 0, 0x01}};
    MacAddress eth_destination{{0x02, 0, 0, 0, 0, 0x02}};
    std::vector<std::uint16_t> vlans{};  // outermost first
    std::uint8_t pcp = 0;
    std::optional<std::uint16_t> pppoe{};  // its session
    std::vector<std::uint32_t> mpls{};     // labels, outermost first; not in a PPPoE session
    std::uint8_t ttl = 64;
    std::uint8_t dscp = 0;
    std::uint8_t ecn = 0;
    std::uint32_t ip_id = 0;
    bool dont_fragment = false;
    bool more_fragments = false;
    std::uint16_t fragment_offset = 0;  // bytes
    std::uint32_t flow_label = 0;
    bool source_route = false;  // IPv4: loose, by way of the destination
    // IPv6, in this order, before a Fragment header
    bool hop_by_hop = false;
    bool destination_options = false;
    std::optional<std::uint8_t> routing_type{};
    std::uint8_t tcp_flags = 0;
    std::uint32_t seq = 1;  // of ICMP too
    std::uint32_t ack_seq = 0;
    std::uint16_t window = 65535;
    std::optional<std::uint16_t> mss{};
    std::optional<std::uint8_t> icmp_type{};  // echo request
    std::uint8_t icmp_code = 0;
    std::uint16_t icmp_id = 1;
    std::uint16_t arp_op = 1;
    std::string payload{};
};

std::vector<std::uint8_t> build_frame(const TestPacket& packet);

// Bytes of it before the ARP or IP header: Ethernet, tags, PPPoE session or labels.
std::size_t link_bytes(const TestPacket& packet);

enum class TestTunnel : std::uint8_t { kVxlan, kGeneve, kGre, kIpip };

struct TunnelHeader {
    TestTunnel kind = TestTunnel::kVxlan;
    std::uint32_t vni = 0;                   // of VXLAN and GENEVE: 24 bits
    std::optional<std::uint32_t> gre_key{};  // of GRE
    bool carries_ethernet = true;            // of GRE: the frame, not only the IP packet in it
};
// `frame`, whole or without its Ethernet header, in a packet of the addresses and options of `outer`, whose protocol
// and payload do not count. Nothing where only an IP packet can be carried, and `frame` is none without tags.
std::optional<std::vector<std::uint8_t>> build_tunnel(const std::vector<std::uint8_t>& frame,
                                                      const TunnelHeader& tunnel, TestPacket outer);

}  // namespace weir::packet
