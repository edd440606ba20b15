// Frames of test packets: each header from its fields, lengths and checksums right.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "grammar/value.h"

namespace weir::packet {

enum class TestProtocol : std::uint8_t { kTcp, kUdp, kSctp, kIcmp, kIcmp6, kArp };

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

// A DNS message of one question. Labels of more than 63 bytes, and names of more than 255, are cut.
std::string dns_message(const std::string& name, std::uint16_t type, bool is_response);

}  // namespace weir::packet
