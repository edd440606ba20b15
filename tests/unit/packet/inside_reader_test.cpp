// The oracle's reading of packets in packets.
#include <catch2/catch.hpp>

#include "compiler/packet/frame_builder.h"
#include "compiler/packet/packet.h"

using namespace weir;
using namespace weir::packet;

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr FieldId inner(FieldId field) { return field_id(Layer::kInner, row_of(field)); }

std::uint64_t number(const Packet& packet, FieldId field) {
    REQUIRE(packet.value(field));
    return std::get<std::uint64_t>(*packet.value(field));
}
bool flag(const Packet& packet, FieldId field) {
    REQUIRE(packet.value(field));
    return std::get<bool>(*packet.value(field));
}

TestPacket packet_of(TestProtocol protocol, const char* source, const char* destination) {
    TestPacket packet;
    packet.protocol = protocol;
    packet.source = *parse_ip(source);
    packet.destination = *parse_ip(destination);
    packet.destination_port = 80;
    packet.seq = 77;
    return packet;
}
Bytes tunnelled(const Bytes& frame, const TunnelHeader& tunnel) {
    TestPacket outer = packet_of(TestProtocol::kUdp, "192.0.2.1", "192.0.2.2");
    outer.destination_port = tunnel.kind == TestTunnel::kVxlan ? 4789 : 6081;
    return *build_tunnel(frame, tunnel, outer);
}
// An ICMP error about the packet of the frame, of which it has `bytes`.
Bytes error_about(const Bytes& frame, std::size_t bytes, std::uint8_t type = 3) {
    const bool is_ip6 = frame[12] == 0x86;
    TestPacket error = is_ip6 ? packet_of(TestProtocol::kIcmp6, "2001:db8::1", "2001:db8::2")
                              : packet_of(TestProtocol::kIcmp, "192.0.2.1", "192.0.2.2");
    error.icmp_type = type;
    error.payload.assign(frame.begin() + 14, frame.begin() + 14 + static_cast<std::ptrdiff_t>(bytes));
    return build_frame(error);
}

}  // namespace

TEST_CASE("inner fields of each tunnel") {
    TestPacket sent = packet_of(TestProtocol::kTcp, "2001:db8::7", "2001:db8::8");
    sent.tcp_flags = 2;
    sent.vlans = {7, 8};
    const Bytes frame = build_frame(sent);
    sent.vlans.clear();
    const Bytes untagged = build_frame(sent);
    for (const Bytes& whole :
         {tunnelled(frame, {TestTunnel::kVxlan, 42}), tunnelled(frame, {TestTunnel::kGeneve, 42}),
          tunnelled(frame, {TestTunnel::kGre}), tunnelled(untagged, {TestTunnel::kGre, 0, 7, false}),
          tunnelled(untagged, {TestTunnel::kIpip})}) {
        const Packet read(whole);
        CHECK(!read.malformed());
        CHECK(flag(read, FieldId::kInner));
        CHECK(!flag(read, inner(FieldId::kMalformed)));
        CHECK(std::get<IpAddress>(*read.value(inner(FieldId::kIpDst))) == *parse_ip("2001:db8::8"));
        CHECK(number(read, inner(FieldId::kTcpDport)) == 80);
        CHECK(flag(read, inner(FieldId::kTcpSyn)));
        CHECK(!read.value(FieldId::kTcp));
        CHECK(!read.value(inner(FieldId::kUdp)));
    }
    CHECK(number(Packet(tunnelled(frame, {TestTunnel::kVxlan, 42})), FieldId::kVxlanVni) == 42);
    CHECK(number(Packet(tunnelled(frame, {TestTunnel::kGeneve, 42})), FieldId::kGeneveVni) == 42);
    CHECK(number(Packet(tunnelled(frame, {TestTunnel::kGre, 0, 7})), FieldId::kGreKey) == 7);
    CHECK(flag(Packet(tunnelled(untagged, {TestTunnel::kIpip})), FieldId::kIpip));
}

TEST_CASE("faults of an inner packet are not those of the packet") {
    const Bytes frame = build_frame(packet_of(TestProtocol::kTcp, "10.0.0.1", "10.0.0.2"));
    for (std::size_t bytes = 0; bytes < frame.size(); ++bytes) {
        const Bytes cut(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(bytes));
        const Packet read(tunnelled(cut, {TestTunnel::kVxlan, 42}));
        CHECK(!read.malformed());
        CHECK(flag(read, inner(FieldId::kMalformed)));
        CHECK(!read.value(FieldId::kInner));
    }
    TestPacket arp = packet_of(TestProtocol::kArp, "10.0.0.1", "10.0.0.2");
    const Packet of_arp(tunnelled(build_frame(arp), {TestTunnel::kVxlan, 42}));
    CHECK(!flag(of_arp, inner(FieldId::kMalformed)));
    CHECK(!of_arp.value(FieldId::kInner));
    TestPacket tags = packet_of(TestProtocol::kTcp, "10.0.0.1", "10.0.0.2");
    tags.vlans = {1, 2, 3};
    CHECK(flag(Packet(tunnelled(build_frame(tags), {TestTunnel::kVxlan, 42})), inner(FieldId::kMalformed)));
    const Packet none(frame);
    CHECK(!none.value(inner(FieldId::kMalformed)));
    CHECK(!none.value(inner(FieldId::kIp)));
}

TEST_CASE("one level, and no later fragments") {
    const Bytes frame = build_frame(packet_of(TestProtocol::kUdp, "10.0.0.1", "10.0.0.2"));
    const Packet twice(tunnelled(tunnelled(frame, {TestTunnel::kVxlan, 1}), {TestTunnel::kVxlan, 2}));
    CHECK(number(twice, FieldId::kVxlanVni) == 2);
    CHECK(number(twice, inner(FieldId::kUdpDport)) == 4789);
    TestPacket outer = packet_of(TestProtocol::kUdp, "192.0.2.1", "192.0.2.2");
    outer.destination_port = 4789;
    outer.fragment_offset = 8;
    CHECK(!Packet(*build_tunnel(frame, {TestTunnel::kIpip}, outer)).value(FieldId::kIpip));
}

TEST_CASE("icmp errors have as much as there is") {
    const Bytes tcp = build_frame(packet_of(TestProtocol::kTcp, "10.0.0.1", "10.0.0.2"));
    for (std::size_t bytes = 0; bytes <= tcp.size() - 14; ++bytes) {
        const Packet read(error_about(tcp, bytes));
        CHECK(!read.malformed());
        CHECK(!flag(read, inner(FieldId::kMalformed)));
        CHECK(flag(read, FieldId::kIcmpHasInner) == (bytes >= 20));
        CHECK(read.value(inner(FieldId::kIpSrc)).has_value() == (bytes >= 20));
        CHECK(read.value(inner(FieldId::kTcpDport)).has_value() == (bytes >= 28));
        if (bytes >= 28) CHECK(number(read, inner(FieldId::kTcpSeq)) == 77);
        CHECK(read.value(inner(FieldId::kTcpFlags)).has_value() == (bytes >= 40));
    }
    const Bytes udp = build_frame(packet_of(TestProtocol::kUdp, "2001:db8::7", "2001:db8::8"));
    const Packet read(error_about(udp, 48, 1));
    CHECK(flag(read, FieldId::kIcmp6HasInner));
    CHECK(number(read, inner(FieldId::kUdpDport)) == 80);
    CHECK(!flag(Packet(error_about(udp, 48, 128)), FieldId::kIcmp6HasInner));
    CHECK(!flag(Packet(error_about(tcp, 28, 8)), FieldId::kIcmpHasInner));
    for (const int type : {4, 5, 11, 12})
        CHECK(flag(Packet(error_about(tcp, 28, static_cast<std::uint8_t>(type))), FieldId::kIcmpHasInner));
    Bytes lies = tcp;
    lies[14 + 20 + 12] = 0x40;  // a data offset of 16 bytes
    CHECK(!flag(Packet(error_about(lies, 28)), inner(FieldId::kMalformed)));
    CHECK(flag(Packet(error_about(lies, 40)), inner(FieldId::kMalformed)));
}
