// Tested by tests/unit/sema/types_test.cpp.
#include "compiler/packet/frame_builder.h"

#include <algorithm>

namespace weir::packet {
namespace {

using Bytes = std::vector<std::uint8_t>;

void put8(Bytes& out, std::uint64_t value) { out.push_back(static_cast<std::uint8_t>(value)); }
void put16(Bytes& out, std::uint64_t value) {
    put8(out, value >> 8);
    put8(out, value);
}
void put32(Bytes& out, std::uint64_t value) {
    put16(out, value >> 16);
    put16(out, value);
}
void put_address(Bytes& out, const IpAddress& address) {
    out.insert(out.end(), address.bytes.begin(), address.bytes.begin() + (address.version == 4 ? 4 : 16));
}
void set16(Bytes& out, std::size_t at, std::uint64_t value) {
    out[at] = static_cast<std::uint8_t>(value >> 8);
    out[at + 1] = static_cast<std::uint8_t>(value);
}

// RFC 1071.
std::uint16_t checksum(const Bytes& bytes) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); i += 2) sum += bytes[i] << 8 | (i + 1 < bytes.size() ? bytes[i + 1] : 0);
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
}

std::uint8_t protocol_number(const TestPacket& packet) {
    switch (packet.protocol) {
        case TestProtocol::kTcp: return 6;
        case TestProtocol::kUdp: return 17;
        case TestProtocol::kSctp: return 132;
        case TestProtocol::kIcmp: return 1;
        case TestProtocol::kGre: return 47;
        case TestProtocol::kIp4InIp: return 4;
        case TestProtocol::kIp6InIp: return 41;
        default: return 58;
    }
}

void tcp_header(Bytes& out, const TestPacket& packet) {
    put16(out, packet.source_port);
    put16(out, packet.destination_port);
    put32(out, packet.seq);
    put32(out, packet.ack_seq);
    const unsigned words = packet.mss ? 6 : 5;
    put8(out, words << 4);
    put8(out, packet.tcp_flags);
    put16(out, packet.window);
    put16(out, 0);
    put16(out, 0);
    if (packet.mss) {
        put16(out, 0x0204);
        put16(out, *packet.mss);
    }
}

// Transport header and payload, checksum and all.
Bytes transport(const TestPacket& packet) {
    Bytes out;
    std::size_t checksum_at = 0;
    switch (packet.protocol) {
        case TestProtocol::kTcp:
            tcp_header(out, packet);
            checksum_at = 16;
            break;
        case TestProtocol::kUdp:
            put16(out, packet.source_port);
            put16(out, packet.destination_port);
            put16(out, 8 + packet.payload.size());
            put16(out, 0);
            checksum_at = 6;
            break;
        case TestProtocol::kSctp:  // its CRC stays zero
            put16(out, packet.source_port);
            put16(out, packet.destination_port);
            put32(out, 0);
            put32(out, 0);
            break;
        case TestProtocol::kGre:  // all of them are payload
        case TestProtocol::kIp4InIp:
        case TestProtocol::kIp6InIp: break;
        default:
            put8(out, packet.icmp_type.value_or(packet.protocol == TestProtocol::kIcmp ? 8 : 128));
            put8(out, packet.icmp_code);
            put16(out, 0);
            put16(out, packet.icmp_id);
            put16(out, packet.seq);
            checksum_at = 2;
    }
    out.insert(out.end(), packet.payload.begin(), packet.payload.end());
    if (checksum_at == 0) return out;
    Bytes summed;
    if (packet.protocol != TestProtocol::kIcmp) {  // the pseudo header
        put_address(summed, packet.source);
        put_address(summed, packet.destination);
        put32(summed, out.size());
        put32(summed, protocol_number(packet));
    }
    summed.insert(summed.end(), out.begin(), out.end());
    const std::uint16_t sum = checksum(summed);
    set16(out, checksum_at, sum == 0 && packet.protocol == TestProtocol::kUdp ? 0xffff : sum);  // 0: none (RFC 768)
    return out;
}

void ip4(Bytes& frame, const TestPacket& packet, const Bytes& inner) {
    Bytes header, options;
    if (packet.source_route) {  // one address, which was reached; RFC 791
        put8(options, 131);
        put8(options, 7);
        put8(options, 8);
        put_address(options, packet.destination);
        put8(options, 0);
    }
    put8(header, 0x45 + options.size() / 4);
    put8(header, packet.dscp << 2 | packet.ecn);
    put16(header, 20 + options.size() + inner.size());
    put16(header, packet.ip_id);
    put16(header,
          (packet.dont_fragment ? 0x4000 : 0) | (packet.more_fragments ? 0x2000 : 0) | packet.fragment_offset / 8);
    put8(header, packet.ttl);
    put8(header, protocol_number(packet));
    put16(header, 0);
    put_address(header, packet.source);
    put_address(header, packet.destination);
    header.insert(header.end(), options.begin(), options.end());
    set16(header, 10, checksum(header));
    frame.insert(frame.end(), header.begin(), header.end());
    frame.insert(frame.end(), inner.begin(), inner.end());
}

// What stands between the IPv6 header and the transport header: the number of the first, and all of them.
struct Extensions {
    std::uint8_t first = 0;
    Bytes bytes{};
};

Extensions extensions(const TestPacket& packet) {
    Extensions made{protocol_number(packet), {}};
    const auto put_before = [&](std::uint8_t number, const Bytes& rest) {
        Bytes header{made.first};
        header.insert(header.end(), rest.begin(), rest.end());
        made.bytes.insert(made.bytes.begin(), header.begin(), header.end());
        made.first = number;
    };
    if (packet.more_fragments || packet.fragment_offset != 0) {
        Bytes rest{0};
        put16(rest, packet.fragment_offset | (packet.more_fragments ? 1 : 0));
        put32(rest, packet.ip_id);
        put_before(44, rest);
    }
    const Bytes padding{0, 1, 4, 0, 0, 0, 0};  // one unit: PadN of four bytes
    if (packet.routing_type) put_before(43, {0, *packet.routing_type, 0, 0, 0, 0, 0});
    if (packet.destination_options) put_before(60, padding);
    if (packet.hop_by_hop) put_before(0, padding);
    return made;
}

void ip6(Bytes& frame, const TestPacket& packet, const Bytes& inner) {
    const Extensions headers = extensions(packet);
    put32(frame, 6u << 28 | std::uint32_t{packet.dscp} << 22 | std::uint32_t{packet.ecn} << 20 | packet.flow_label);
    put16(frame, headers.bytes.size() + inner.size());
    put8(frame, headers.first);
    put8(frame, packet.ttl);
    put_address(frame, packet.source);
    put_address(frame, packet.destination);
    frame.insert(frame.end(), headers.bytes.begin(), headers.bytes.end());
    frame.insert(frame.end(), inner.begin(), inner.end());
}

void arp(Bytes& frame, const TestPacket& packet) {
    put16(frame, 1);
    put16(frame, 0x0800);
    put8(frame, 6);
    put8(frame, 4);
    put16(frame, packet.arp_op);
    frame.insert(frame.end(), packet.eth_source.bytes.begin(), packet.eth_source.bytes.end());
    put_address(frame, packet.source);
    const MacAddress unknown{};
    const MacAddress& target = packet.arp_op == 1 ? unknown : packet.eth_destination;
    frame.insert(frame.end(), target.bytes.begin(), target.bytes.end());
    put_address(frame, packet.destination);
}

}  // namespace

std::vector<std::uint8_t> build_frame(const TestPacket& packet) {
    Bytes frame(packet.eth_destination.bytes.begin(), packet.eth_destination.bytes.end());
    frame.insert(frame.end(), packet.eth_source.bytes.begin(), packet.eth_source.bytes.end());
    for (std::size_t i = 0; i < packet.vlans.size(); ++i) {
        put16(frame, i + 1 < packet.vlans.size() ? 0x88a8 : 0x8100);
        put16(frame, (i == 0 ? packet.pcp << 13 : 0) | packet.vlans[i]);
    }
    if (packet.protocol == TestProtocol::kArp) {
        put16(frame, 0x0806);
        arp(frame, packet);
        return frame;
    }
    const Bytes inner = transport(packet);
    Bytes datagram;
    const bool is_v4 = packet.source.version == 4;
    if (is_v4)
        ip4(datagram, packet, inner);
    else
        ip6(datagram, packet, inner);
    if (packet.pppoe) {  // RFC 2516
        put16(frame, 0x8864);
        put16(frame, 0x1100);
        put16(frame, *packet.pppoe);
        put16(frame, 2 + datagram.size());
        put16(frame, is_v4 ? 0x0021 : 0x0057);
    } else if (!packet.mpls.empty()) {  // RFC 3032
        put16(frame, 0x8847);
        for (const std::uint32_t& label : packet.mpls)
            put32(frame, label << 12 | (&label == &packet.mpls.back() ? 0x100u : 0u) | packet.ttl);
    } else {
        put16(frame, is_v4 ? 0x0800 : 0x86dd);
    }
    frame.insert(frame.end(), datagram.begin(), datagram.end());
    return frame;
}

std::size_t link_bytes(const TestPacket& packet) {
    const std::size_t tagged = 14 + 4 * packet.vlans.size();
    if (packet.protocol == TestProtocol::kArp) return tagged;
    return tagged + (packet.pppoe ? 8 : 4 * packet.mpls.size());
}

std::optional<std::vector<std::uint8_t>> build_tunnel(const std::vector<std::uint8_t>& frame,
                                                      const TunnelHeader& tunnel, TestPacket outer) {
    constexpr std::size_t kEthernet = 14;
    const unsigned type = frame.size() < kEthernet ? 0u : frame[12] * 256u + frame[13];
    const bool strips =
        tunnel.kind == TestTunnel::kIpip || (tunnel.kind == TestTunnel::kGre && !tunnel.carries_ethernet);
    if (strips && type != 0x0800 && type != 0x86dd) return std::nullopt;
    Bytes payload;
    switch (tunnel.kind) {
        case TestTunnel::kVxlan:  // RFC 7348, 5
            outer.protocol = TestProtocol::kUdp;
            put32(payload, 0x08000000);
            put32(payload, tunnel.vni << 8);
            break;
        case TestTunnel::kGeneve:  // RFC 8926, 3.4
            outer.protocol = TestProtocol::kUdp;
            put32(payload, 0x6558);
            put32(payload, tunnel.vni << 8);
            break;
        case TestTunnel::kGre:  // RFC 2784, 2.1; RFC 2890, 2
            outer.protocol = TestProtocol::kGre;
            put16(payload, tunnel.gre_key ? 0x2000 : 0);
            put16(payload, strips ? type : 0x6558);
            if (tunnel.gre_key) put32(payload, *tunnel.gre_key);
            break;
        case TestTunnel::kIpip:
            outer.protocol = type == 0x0800 ? TestProtocol::kIp4InIp : TestProtocol::kIp6InIp;
            break;
    }
    payload.insert(payload.end(), frame.begin() + (strips ? kEthernet : 0), frame.end());
    outer.payload.assign(payload.begin(), payload.end());
    return build_frame(outer);
}

}  // namespace weir::packet
