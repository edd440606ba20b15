// Frames of every shape that the reader of packets tells apart, from a few choices. Where a policy compares a field
// with a value, the domains (domains.h) have that value and its neighbours in each shape that has the field.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/frames.h"

namespace weir::tests {

struct Shape {
    // the link
    int tags = 0;          // 3: one more than is read
    bool tag_cut = false;  // the last tag's four bytes are not all there
    std::uint16_t tci = 0x0007;
    Bytes eth_destination = hex("020000000002"), eth_source = hex("020000000001");
    enum class Link : std::uint8_t { kPlain, kPppoe, kMpls } link = Link::kPlain;
    int labels = 1;       // 5: one more than is read
    int other_type = -1;  // an EtherType without anything behind it
    // what is in it
    int version = 4;
    std::uint8_t protocol = 6;
    bool offset_is_set = false;
    std::uint16_t offset = 0;  // of a fragment, in bytes
    bool more = false;
    bool dont_fragment = false;
    bool has_fragment_header = false;        // IPv6: with neither offset nor more: an atomic fragment
    Bytes options{};                         // IPv4
    std::vector<std::uint8_t> extensions{};  // IPv6, before the Fragment header
    std::uint8_t extension_words = 0;        // of 8 bytes, of each of them beside its first
    std::uint8_t routing_type = 0;
    std::uint8_t ttl = 64, tos = 0;
    std::uint16_t id = 0x1234;
    std::uint32_t flow_label = 0;
    Bytes source4 = hex(kSource4), destination4 = hex(kDestination4);
    Bytes source6 = hex(kSource6), destination6 = hex(kDestination6);
    // TCP, UDP, SCTP, ICMP
    std::uint16_t source = 4000, destination = 80;
    std::uint8_t flags = 0x02;
    std::uint16_t window = 65535;
    std::uint32_t seq = 1, ack = 0;
    Bytes tcp_options{};
    int tcp_offset = -1;  // words; the header's own where negative
    int udp_length = -1;  // likewise
    std::uint8_t type = 8, code = 0;
    std::uint16_t icmp_id = 1, icmp_seq = 1;
    Bytes payload{};
    enum class Fault : std::uint8_t {
        kNone,
        kIpCut,        // the IP header is not all there
        kIpVersion,    // it says another version than the EtherType
        kIpLength,     // it says more than there is
        kExtensions,   // IPv6: one more extension header, cut short
        kTransportCut  // the header after IP is not all there
    } fault = Fault::kNone;
    std::size_t padding = 0;  // bytes behind the datagram
};

Bytes frame_of(const Shape& shape);
// The bytes of the IP header and all behind it.
Bytes datagram_of(const Shape& shape);

// Each link, tag, version, protocol, kind of fragment, option, extension header and fault, with usual values.
std::vector<Bytes> all_shapes();
// The shapes of IP alone, whole and at fault, in plain Ethernet.
std::vector<Shape> ip_shapes();
Bytes arp_frame(std::uint16_t operation, const Bytes& sender, const Bytes& target);

}  // namespace weir::tests
