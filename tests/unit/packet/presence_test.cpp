// What follows from what a packet has.
#include <catch2/catch.hpp>

#include "compiler/packet/presence.h"

using namespace weir::packet;

TEST_CASE("presence implies and is implied") {
    const Presence tcp = implied({{WEIR_HAS_TCP}, {}});
    CHECK(tcp.ones.has(WEIR_HAS_IP));
    CHECK(tcp.zeros.has(WEIR_HAS_UDP));
    const Presence no_ip = implied({{}, {WEIR_HAS_IP}});
    CHECK(no_ip.zeros.has(WEIR_HAS_TCP));
    CHECK(!implied({{WEIR_HAS_TCP}, {WEIR_HAS_IP}}).possible());
    CHECK(reduced({{WEIR_HAS_TCP, WEIR_HAS_IP, WEIR_HAS_PORTS}, {}}).ones == PresentBits{WEIR_HAS_TCP});
}

TEST_CASE("what two bits say of one field, or of what they bring, parts them") {
    const auto apart = [](std::uint32_t a, std::uint32_t b) {
        return implied({{a}, {}}).zeros.has(b) && implied({{b}, {}}).zeros.has(a);
    };
    CHECK(apart(WEIR_HAS_IP4, WEIR_HAS_IP6));     // ip.version
    CHECK(apart(WEIR_HAS_ICMP, WEIR_HAS_ICMP6));  // ip.proto, and the version
    CHECK(apart(WEIR_HAS_ICMP, WEIR_HAS_PORTS));  // ports are of TCP, UDP or SCTP, and it is none of them
    CHECK(apart(WEIR_HAS_ICMP6_ECHO, WEIR_HAS_IP4));
    CHECK(apart(WEIR_HAS_ARP_IP, WEIR_HAS_TCP_MSS));
    CHECK(apart(WEIR_HAS_PAYLOAD, WEIR_IS_MALFORMED));
    CHECK(!apart(WEIR_HAS_TCP, WEIR_HAS_IP4));
    CHECK(!apart(WEIR_HAS_VLAN, WEIR_HAS_ARP));
    CHECK(!apart(WEIR_IS_MALFORMED, WEIR_HAS_IP));  // the extension headers may be at fault
}

TEST_CASE("the packet in the packet follows the same facts, and some of the other one") {
    const auto inner = [](std::uint32_t bit) { return kInnerPresent + bit; };
    const Presence tcp = implied({{inner(WEIR_HAS_TCP)}, {}});
    CHECK(tcp.ones.has(inner(WEIR_HAS_IP)));
    CHECK(tcp.zeros.has(inner(WEIR_HAS_UDP)));
    CHECK(tcp.ones.has(WEIR_HAS_INNER));
    CHECK(tcp.ones.has(WEIR_HAS_PAYLOAD));
    CHECK(tcp.zeros.has(WEIR_IS_MALFORMED));
    CHECK(!tcp.zeros.has(WEIR_HAS_UDP));
    CHECK(!tcp.ones.has(WEIR_HAS_TCP));
    CHECK(!implied({{inner(WEIR_HAS_TCP)}, {WEIR_HAS_INNER}}).possible());
    CHECK(!implied({{inner(WEIR_IS_MALFORMED), WEIR_HAS_ARP}, {}}).possible());
    CHECK(implied({{inner(WEIR_HAS_IP4), WEIR_HAS_IP6, WEIR_HAS_TCP_REST}, {}}).ones.has(WEIR_HAS_TCP));
    const Presence both = reduced({{inner(WEIR_HAS_TCP), inner(WEIR_HAS_IP), WEIR_HAS_INNER, WEIR_HAS_IP}, {}});
    CHECK(both.ones == PresentBits{inner(WEIR_HAS_TCP)});
    CHECK(!implied({{WEIR_HAS_INNER}, {WEIR_HAS_ARP}}).ones.has_inner());
    CHECK(!implied({{WEIR_HAS_ARP}, {}}).zeros.has_inner());
    CHECK(implied({{WEIR_HAS_VXLAN}, {}}).zeros.has(WEIR_HAS_GENEVE));  // udp.dport
    CHECK(implied({{WEIR_HAS_VXLAN}, {}}).zeros.has(WEIR_HAS_GRE));
}

TEST_CASE("bits of the flow") {
    const Presence opened = implied({{WEIR_IS_FLOW_OPENED}, {}});
    CHECK(opened.ones.has(WEIR_IS_FLOW_ESTABLISHED));
    CHECK(opened.ones.has(WEIR_HAS_FLOW));
    CHECK(opened.ones.has(WEIR_HAS_IP));
    CHECK(opened.zeros.has(WEIR_IS_FLOW_NEW));
    CHECK(implied({{WEIR_HAS_HTTP_LATENCY}, {}}).zeros.has(WEIR_HAS_HTTP_REQUEST));
    CHECK(implied({{WEIR_IS_FLOW_NEW}, {}}).ones.has(WEIR_IS_FLOW_FROM_CLIENT));
    CHECK_FALSE(implied({{WEIR_HAS_FLOW_RTT, WEIR_HAS_UDP}, {}}).possible());
    CHECK(reduced(opened).ones == PresentBits{WEIR_IS_FLOW_OPENED});
}

TEST_CASE("bits of different words") {
    PresentBits bits;
    bits.add(3), bits.add(35), bits.add(63);
    CHECK(bits.words == std::array<std::uint32_t, kAllPresent / 32>{1u << 3, 1u << 3 | 1u << 31});
    CHECK(bits.count() == 3);
    CHECK((bits - PresentBits{35}) == PresentBits{3, 63});
    CHECK((bits & PresentBits{35, 36}) == PresentBits{35});
    bits.remove(35);
    CHECK(bits == PresentBits{3, 63});
    weir_packet packet{};
    packet.present[0] = 1u << 3;
    CHECK(!bits.in(packet));
    packet.present[1] = 1u << 31;
    CHECK(bits.in(packet));
}
