// Each supported field with every operator that its type has, at its boundaries: the row of a field says a packet and,
// by hand, the value there; another row says a packet that does not have it.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include <set>

#include "bpf/abi.h"
#include "compiler/packet/fields.h"
#include "tests/support/table.h"
#include "tests/verdict/inside_samples.h"

using namespace weir;
using namespace weir::tests;

namespace {

const Bytes kArpFrame = arp();
const Bytes kEcho4 = in4(1, icmp(8, 0, 0x1234, 0xffff));
const Bytes kEcho6 = in6(58, icmp(129, 0, 0xffff, 7));
const Bytes kSctp4 = in4(132, sctp(0, 65535, text("x")));
const Bytes kOther = eth(0x88b5) + zeros(20);
const Bytes kShort = cut(kOther, 13);

Bytes tagged(std::uint16_t tci, const Bytes& frame = udp4()) {
    return macs() + tag(0x8100, tci) + Bytes(frame.begin() + 12, frame.end());
}
Bytes with4(const Ip4& header, const Bytes& body = tcp({})) { return eth(0x0800) + ip4(header, body); }
Bytes with6(const Ip6& header, const Bytes& body = tcp({})) { return eth(0x86dd) + ip6(header, body); }
Bytes routed(std::uint8_t type) { return in6(43, patched(extension(17), 2, {type}) + udp({})); }
Bytes mss(std::uint16_t value) { return tcp4({.options = hex("0204") + be16(value)}); }
Bytes udp_of(int length) { return udp4({}, zeros(static_cast<std::size_t>(length - 8))); }

// clang-format off
std::vector<NumberSample> header_numbers() {
    return {
        {"rx_queue", 32, kOther, 0}, {"rx_queue", 32, kShort, 0},
        {"packet.len", 32, kOther, 34}, {"packet.len", 32, kShort, 13}, {"packet.len", 32, udp4(), 42},
        {"eth.type", 16, kOther, 0x88b5}, {"eth.type", 16, eth(0), 0}, {"eth.type", 16, eth(0xffff), 0xffff},
        {"eth.type", 16, tagged(1), 0x0800}, {"eth.type", 16, eth(1500) + zeros(46), 1500},
        {"vlan.id", 12, tagged(0xf000), 0}, {"vlan.id", 12, tagged(0x0fff), 0xfff}, {"vlan.id", 12, tagged(0x2007), 7},
        {"vlan.pcp", 3, tagged(0x1fff), 0}, {"vlan.pcp", 3, tagged(0xe000), 7}, {"vlan.pcp", 3, tagged(0x6001), 3},
        {"vlan.depth", 8, kOther, 0}, {"vlan.depth", 8, tagged(1), 1}, {"vlan.depth", 8, macs() + tag(0x88a8, 5) + tag(0x8100, 6) + be16(0x0800), 2},
        {"arp.op", 16, kArpFrame, 1}, {"arp.op", 16, arp({.front = "0001080006040000"}), 0},
        {"arp.op", 16, arp({.front = "000108000604ffff"}), 0xffff}, {"arp.op", 16, eth(0x0806) + hex("00060800 0604 0002"), 2},
        {"ip.version", 4, udp4(), 4}, {"ip.version", 4, udp6(), 6},
        {"ip.proto", 8, in4(0, {}), 0}, {"ip.proto", 8, in4(255, {}), 255}, {"ip.proto", 8, kSctp4, 132},
        {"ip.proto", 8, in6(60, extension(17) + udp({})), 17}, {"ip.proto", 8, in6(59, {}), 59},
        {"ip.proto", 8, in6(44, fragment(6, 8)), 6},
        {"ip.ttl", 8, with4({.ttl = 0}), 0}, {"ip.ttl", 8, with4({.ttl = 255}), 255}, {"ip.ttl", 8, with6({.hops = 1}), 1},
        {"ip.dscp", 6, with4({.tos = 0x03}), 0}, {"ip.dscp", 6, with4({.tos = 0xfc}), 63}, {"ip.dscp", 6, with6({.first = 0x6b800000}), 46},
        {"ip.ecn", 2, with4({.tos = 0xfc}), 0}, {"ip.ecn", 2, with4({.tos = 0x03}), 3}, {"ip.ecn", 2, with6({.first = 0x60200000}), 2},
        {"ip.len", 32, in4(59, {}), 20}, {"ip.len", 32, udp4(), 28}, {"ip.len", 32, udp6(), 48}, {"ip.len", 32, udp4({}, zeros(1472)) + zeros(9), 1500},
        {"ip.frag_offset", 16, with4({}), 0}, {"ip.frag_offset", 16, with4({.fragment = 0x1fff}), 65528},
        {"ip.frag_offset", 16, with4({.fragment = 0x4001}), 8}, {"ip.frag_offset", 16, udp6(), 0},
        {"ip.frag_offset", 16, in6(44, fragment(6, 0xfff9)), 65528},
        {"ip.id", 32, with4({.id = 0}), 0}, {"ip.id", 32, with4({.id = 0xffff}), 0xffff},
        {"ip.id", 32, in6(44, fragment(17, 0, 0xffffffff) + udp({})), 0xffffffff}, {"ip.id", 32, in6(44, fragment(17, 9, 0)), 0},
        {"ip6.flow_label", 20, with6({}), 0}, {"ip6.flow_label", 20, with6({.first = 0x600fffff}), 0xfffff},
        {"ip6.flow_label", 20, with6({.first = 0x6ff12345}), 0x12345},
        {"ip6.routing_type", 8, routed(0), 0}, {"ip6.routing_type", 8, routed(255), 255}, {"ip6.routing_type", 8, in6(0, Bytes{43, 0} + zeros(6) + hex("1100 04") + zeros(5) + udp({})), 4},
        {"tcp.sport", 16, tcp4({.source = 0}), 0}, {"tcp.sport", 16, tcp6({.source = 65535}), 65535}, {"tcp.sport", 16, tcp4({.source = 0x1234}), 0x1234},
        {"tcp.dport", 16, tcp4({.destination = 0}), 0}, {"tcp.dport", 16, tcp6({.destination = 65535}), 65535}, {"tcp.dport", 16, tcp4({.destination = 22}), 22},
        {"tcp.flags", 8, tcp4({.flags = 0}), 0}, {"tcp.flags", 8, tcp4({.flags = 0xff}), 0xff}, {"tcp.flags", 8, tcp6({.flags = 0x12}), 0x12},
        {"tcp.seq", 32, tcp4({.seq = 0}), 0}, {"tcp.seq", 32, tcp6({.seq = 0xffffffff}), 0xffffffff}, {"tcp.seq", 32, tcp4({.seq = 0x80000000}), 0x80000000},
        {"tcp.ack_seq", 32, tcp4({.ack = 0}), 0}, {"tcp.ack_seq", 32, tcp6({.ack = 0xffffffff}), 0xffffffff}, {"tcp.ack_seq", 32, tcp4({.ack = 0x01020304}), 0x01020304},
        {"tcp.window", 16, tcp4({.window = 0}), 0}, {"tcp.window", 16, tcp6({.window = 65535}), 65535}, {"tcp.window", 16, tcp4({.window = 0x0102}), 0x0102},
        {"tcp.header_len", 8, tcp4(), 20}, {"tcp.header_len", 8, tcp4({.options = zeros(40)}), 60}, {"tcp.header_len", 8, tcp6({.options = zeros(4)}), 24},
        {"tcp.mss", 16, mss(0), 0}, {"tcp.mss", 16, mss(0xffff), 0xffff}, {"tcp.mss", 16, mss(1460), 1460},
        {"udp.sport", 16, udp4({.source = 0}), 0}, {"udp.sport", 16, udp6({.source = 65535}), 65535}, {"udp.sport", 16, udp4({.source = 53}), 53},
        {"udp.dport", 16, udp4({.destination = 0}), 0}, {"udp.dport", 16, udp6({.destination = 65535}), 65535}, {"udp.dport", 16, udp4({.destination = 53}), 53},
        {"udp.len", 16, udp_of(8), 8}, {"udp.len", 16, udp_of(1480), 1480}, {"udp.len", 16, in4(17, udp({.length = 9}, zeros(20))), 9},
        {"udp.len", 16, with4({.fragment = 0x2000, .protocol = 17}, udp({.length = 65535}, zeros(16))), 65535},
        {"sctp.sport", 16, kSctp4, 0}, {"sctp.sport", 16, in6(132, sctp(65535, 1)), 65535},
        {"sctp.dport", 16, kSctp4, 65535}, {"sctp.dport", 16, in6(132, sctp(1, 0)), 0},
        {"port.src", 16, tcp4({.source = 1}), 1}, {"port.src", 16, udp6({.source = 65535}), 65535}, {"port.src", 16, kSctp4, 0},
        {"port.dst", 16, tcp4({.destination = 1}), 1}, {"port.dst", 16, udp6({.destination = 0}), 0}, {"port.dst", 16, kSctp4, 65535},
        {"icmp.type", 8, in4(1, icmp(0, 9, 1, 1)), 0}, {"icmp.type", 8, in4(1, icmp(255, 9, 1, 1)), 255}, {"icmp.type", 8, kEcho4, 8},
        {"icmp.code", 8, kEcho4, 0}, {"icmp.code", 8, in4(1, icmp(3, 255, 0, 0)), 255}, {"icmp.code", 8, in4(1, icmp(3, 13, 0, 0)), 13},
        {"icmp.id", 16, in4(1, icmp(0, 0, 0, 1)), 0}, {"icmp.id", 16, in4(1, icmp(8, 0, 0xffff, 1)), 0xffff}, {"icmp.id", 16, kEcho4, 0x1234},
        {"icmp.seq", 16, in4(1, icmp(0, 0, 1, 0)), 0}, {"icmp.seq", 16, kEcho4, 0xffff},
        {"icmp6.type", 8, in6(58, icmp(0, 0, 0, 0)), 0}, {"icmp6.type", 8, in6(58, icmp(255, 0, 0, 0)), 255}, {"icmp6.type", 8, kEcho6, 129},
        {"icmp6.code", 8, kEcho6, 0}, {"icmp6.code", 8, in6(58, icmp(1, 255, 0, 0)), 255},
        {"icmp6.id", 16, kEcho6, 0xffff}, {"icmp6.id", 16, in6(58, icmp(128, 0, 0, 9)), 0},
        {"icmp6.seq", 16, kEcho6, 7}, {"icmp6.seq", 16, in6(58, icmp(128, 0, 9, 0xffff)), 0xffff},
        {"payload.len", 16, udp4(), 0}, {"payload.len", 16, udp4({}, zeros(1472)), 1472}, {"payload.len", 16, tcp6({}, zeros(3)), 3},
        {"payload.len", 16, in4(50, zeros(9)), 9},
    };
}
// clang-format on

// clang-format off
std::vector<AbsentSample> header_absents() {
    const Bytes later4 = with4({.fragment = 1}), unreadable = with4({.version_ihl = 0x44});
    const Bytes first_mss = tcp4({.options = hex("01020101")});
    return {
        {"iface", udp4()}, {"eth.src", kShort}, {"eth.dst", kShort}, {"eth.is_multicast", patched(kShort, 0, hex("01"))}, {"eth.type", kShort}, {"eth.type", macs() + be16(0x8100) + zeros(3)},
        {"vlan", udp4()}, {"vlan.id", udp4()}, {"vlan.pcp", udp4()}, {"vlan.depth", kShort},
        {"arp", udp4()}, {"arp.op", udp4()}, {"arp.sender_ip", eth(0x0806) + hex("0006 0800 0604 0001") + zeros(20)},
        {"arp.target_ip", eth(0x0806) + hex("0001 0800 0804 0001") + zeros(24)},
        {"ip", kArpFrame}, {"ip4", udp6()}, {"ip6", udp4()}, {"ip.version", kArpFrame}, {"ip.src", kArpFrame}, {"ip.dst", kOther},
        {"ip.src", unreadable}, {"ip.proto", kArpFrame}, {"ip.proto", in6(60, extension(60))}, {"ip.ttl", kArpFrame}, {"ip.dscp", kArpFrame},
        {"ip.ecn", kOther}, {"ip.len", kOther}, {"ip.is_fragment", kArpFrame}, {"ip.frag_offset", kArpFrame}, {"ip.mf", kArpFrame},
        {"ip.df", udp6()}, {"ip.id", udp6()}, {"ip.has_options", kArpFrame}, {"ip6.flow_label", udp4()},
        {"pppoe", udp4()}, {"mpls", kArpFrame}, {"ip6.hop_by_hop", udp4()}, {"ip6.routing", kArpFrame}, {"ip6.routing_type", udp6()}, {"ip6.routing_type", udp4()},
        {"ip6.fragment", with4({.fragment = 0x2000}, zeros(20))}, {"ip6.destination", udp4()}, {"ip4.source_route", routed(0)},
        {"tcp", udp4()}, {"tcp.sport", udp4()}, {"tcp.dport", udp6()}, {"tcp.flags", kSctp4}, {"tcp.fin", udp4()}, {"tcp.syn", udp4()},
        {"tcp.rst", udp4()}, {"tcp.psh", udp4()}, {"tcp.ack", udp4()}, {"tcp.urg", udp4()}, {"tcp.ece", udp4()}, {"tcp.cwr", udp4()},
        {"tcp.seq", udp4()}, {"tcp.ack_seq", udp4()}, {"tcp.window", udp4()}, {"tcp.header_len", udp4()}, {"tcp.mss", tcp4()},
        {"tcp.mss", first_mss}, {"tcp.dport", later4},
        {"udp", tcp4()}, {"udp.sport", tcp4()}, {"udp.dport", kSctp4}, {"udp.len", tcp6()}, {"sctp", udp4()}, {"sctp.sport", udp4()},
        {"sctp.dport", tcp4()}, {"port.src", kEcho4}, {"port.dst", later4}, {"icmp", kEcho6}, {"icmp.type", kEcho6}, {"icmp.code", kEcho6},
        {"icmp.id", in4(1, icmp(3, 0, 7, 7))}, {"icmp.seq", in4(1, icmp(13, 0, 7, 7))}, {"icmp6", kEcho4}, {"icmp6.type", kEcho4},
        {"icmp6.code", kEcho4}, {"icmp6.id", in6(58, icmp(1, 0, 7, 7))}, {"icmp6.seq", in6(58, icmp(135, 0, 7, 7))},
        {"payload", kArpFrame}, {"payload", later4}, {"payload.len", unreadable}, {"payload.len", in6(44, fragment(6, 8) + zeros(40))},
    };
}
// clang-format on

// clang-format off
std::vector<FlagSample> header_flags() {
    std::vector<FlagSample> samples = {
        {"malformed", kShort, true}, {"malformed", kOther, false}, {"malformed", cut(udp4(), 41), true}, {"vlan", tagged(7), true},
        {"eth.is_multicast", kOther, false}, {"eth.is_multicast", patched(kOther, 0, hex("010000000000")), true}, {"eth.is_multicast", patched(kOther, 0, hex("ffffffffffff")), true},
        {"eth.is_multicast", patched(kOther, 0, hex("fe0101010101")), false}, {"eth.is_multicast", patched(kOther, 6, hex("010000000000")), false},
        {"eth.is_multicast", patched(cut(udp4(), 14), 0, hex("03")), true}, {"eth.is_multicast", patched(tagged(7), 0, hex("01")), true},
        {"arp", kArpFrame, true}, {"ip", udp4(), true}, {"ip", udp6(), true}, {"ip4", udp4(), true}, {"ip6", udp6(), true},
        {"ip.is_fragment", udp4(), false}, {"ip.is_fragment", with4({.fragment = 0x2000}), true}, {"ip.is_fragment", with4({.fragment = 1}), true},
        {"ip.is_fragment", with4({.fragment = 0xc000}), false}, {"ip.is_fragment", in6(44, fragment(17, 0) + udp({})), false},
        {"ip.is_fragment", in6(44, fragment(17, 1) + udp({})), true}, {"ip.is_fragment", in6(44, fragment(17, 0xfff8)), true}, {"ip.is_fragment", udp6(), false},
        {"ip.mf", udp4(), false}, {"ip.mf", with4({.fragment = 0x2000}), true}, {"ip.mf", with4({.fragment = 0x1fff}), false},
        {"ip.mf", udp6(), false}, {"ip.mf", in6(44, fragment(17, 9)), true}, {"ip.mf", in6(44, fragment(17, 8)), false},
        {"ip.df", udp4(), false}, {"ip.df", with4({.fragment = 0x4000}), true}, {"ip.df", with4({.fragment = 0xbfff}), false},
        {"ip.has_options", udp4(), false}, {"ip.has_options", with4({.version_ihl = 0x46, .options = zeros(4)}), true},
        {"ip.has_options", udp6(), false}, {"ip.has_options", in6(0, extension(6) + tcp({})), true}, {"ip.has_options", in6(0, {}), true},
        {"ip.has_options", in6(59, {}), false}, {"ip.has_options", in6(50, zeros(8)), false},
        {"tcp", tcp4(), true}, {"tcp", tcp6(), true}, {"udp", udp4(), true}, {"udp", udp6(), true}, {"sctp", kSctp4, true},
        {"icmp", kEcho4, true}, {"icmp6", kEcho6, true},
        {"pppoe", eth(0x8864) + pppoe({}, ip4({}, tcp({}))), true}, {"mpls", eth(0x8847) + label(100) + ip4({}, tcp({})), true},
        {"ip6.hop_by_hop", in6(0, extension(17) + udp({})), true}, {"ip6.hop_by_hop", udp6(), false}, {"ip6.routing", routed(2), true}, {"ip6.routing", in6(0, extension(17) + udp({})), false},
        {"ip6.fragment", in6(44, fragment(17, 0) + udp({})), true}, {"ip6.fragment", in6(44, fragment(17, 0xfff9)), true}, {"ip6.fragment", routed(0), false},
        {"ip6.destination", in6(60, extension(17) + udp({})), true}, {"ip6.destination", udp6(), false},
        {"ip4.source_route", with4({.version_ihl = 0x46, .options = hex("83030400")}), true}, {"ip4.source_route", with4({.version_ihl = 0x46, .options = hex("89030400")}), true},
        {"ip4.source_route", with4({.version_ihl = 0x46, .options = zeros(4)}), false}, {"ip4.source_route", udp4(), false},
    };
    const char* flags[] = {"tcp.fin", "tcp.syn", "tcp.rst", "tcp.psh", "tcp.ack", "tcp.urg", "tcp.ece", "tcp.cwr"};
    for (unsigned bit = 0; bit < 8; ++bit) {
        samples.push_back({flags[bit], tcp4({.flags = static_cast<std::uint8_t>(1u << bit)}), true});
        samples.push_back({flags[bit], tcp6({.flags = static_cast<std::uint8_t>(~(1u << bit))}), false});
    }
    return samples;
}
// clang-format on

// A value in the words of the language, and its neighbours.
template <typename Sample>
std::vector<Sample> both(std::vector<Sample> first, const std::vector<Sample>& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
}
std::vector<NumberSample> number_samples() { return both(header_numbers(), inside_numbers()); }
std::vector<AbsentSample> absent_samples() { return both(header_absents(), inside_absents()); }
std::vector<FlagSample> flag_samples() { return both(header_flags(), inside_flags()); }

struct PlaceSample {
    std::string field;
    Bytes frame;
    std::string value, below, above, prefix, other_prefix, range, other_range;
};
// clang-format off
std::vector<PlaceSample> address_samples() {
    const std::string s4[] = {"198.51.100.7", "198.51.100.6", "198.51.100.8", "198.51.100.0/24", "198.51.100.8/29", "198.51.100.7..198.51.100.9", "198.51.100.8..198.51.100.9"};
    const std::string d4[] = {"192.0.2.1", "192.0.2.0", "192.0.2.2", "192.0.2.0/31", "192.0.2.2/31", "0.0.0.0..192.0.2.1", "192.0.2.2..255.255.255.255"};
    const std::string s6[] = {"2001:db8::7", "2001:db8::6", "2001:db8::8", "2001:db8::/32", "2001:db8::8/125", "2001:db8::7..2001:db8::7", "2001:db8::8..2001:db8::1:0"};
    const std::string d6[] = {"2001:db8::1", "2001:db8::", "2001:db8::2", "::/0", "0.0.0.0/0", "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff..2001:db8::1:0:0:0:1", "2001:db8::2..2001:db8::3"};
    const std::string lo[] = {"0.0.0.0", "255.255.255.255", "0.0.0.1", "0.0.0.0/32", "::/0", "0.0.0.0..0.0.0.0", "0.0.0.1..255.255.255.255"};
    const std::string hi[] = {"255.255.255.255", "255.255.255.254", "0.0.0.0", "0.0.0.0/0", "255.255.255.254/32", "255.255.255.255..255.255.255.255", "0.0.0.0..255.255.255.254"};
    const std::string lo6[] = {"::", "0.0.0.0", "::1", "::/128", "0.0.0.0/0", "::..::", "::1..ffff::"};
    const std::string hi6[] = {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", "::", "8000::/1", "::/1",
                               "ffff:ffff:ffff:ffff::..ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::..ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe"};
    const auto row = [](std::string field, const Bytes& frame, const std::string* v) { return PlaceSample{std::move(field), frame, v[0], v[1], v[2], v[3], v[4], v[5], v[6]}; };
    return {row("ip.src", udp4(), s4), row("ip.dst", udp4(), d4), row("ip.src", udp6(), s6), row("ip.dst", udp6(), d6),
            row("ip.src", with4({.source = zeros(4)}), lo), row("ip.dst", with4({.destination = hex("ffffffff")}), hi),
            row("ip.src", with6({.source = zeros(16)}), lo6), row("ip.dst", with6({.destination = Bytes(16, 0xff)}), hi6),
            row("arp.sender_ip", kArpFrame, s4), row("arp.target_ip", kArpFrame, d4),
            row("arp.sender_ip", arp({.back = "02000000000100000000000000000000ffffffff"}), lo),
            row("arp.target_ip", arp({.back = "02000000000100000000000000000000ffffffff"}), hi)};
}
// clang-format on

std::vector<Row> number_rows(const NumberSample& s) {
    const std::uint64_t max = (std::uint64_t{1} << s.bits) - 1, v = s.value;
    std::vector<Row> rows;
    const auto say = [&](const std::string& rest, bool expected) {
        rows.push_back({s.field + rest, s.frame, expected, s.field});
    };
    say(fmt::format(" == {}", v), true);
    say(fmt::format(" != {}", v), false);
    say(fmt::format(" == 0x{:x}", v), true);
    say(fmt::format(" <= {}", v), true);
    say(fmt::format(" >= {}", v), true);
    say(fmt::format(" in {{ {} }}", v), true);
    say(fmt::format(" not in {{ {}, }}", v), false);
    say(fmt::format(" in {}..{}", v, v), true);
    say(fmt::format(" in 0..{}", max), true);
    say(fmt::format(" not in 0..{}", max), false);
    say(fmt::format(" in {{ 0..{}, {} }}", v, max), true);
    say(" <= " + std::to_string(max), true);
    say(" >= 0", true);
    if (v > 0) {
        say(fmt::format(" < {}", v), false);
        say(fmt::format(" == {}", v - 1), false);
        say(fmt::format(" != {}", v - 1), true);
        say(fmt::format(" > {}", v - 1), true);
        say(fmt::format(" >= {}", v - 1), true);
        say(fmt::format(" <= {}", v - 1), false);
        say(fmt::format(" in 0..{}", v - 1), false);
        say(fmt::format(" not in 0..{}", v - 1), true);
    }
    if (v < max) {
        say(fmt::format(" > {}", v), false);
        say(fmt::format(" == {}", v + 1), false);
        say(fmt::format(" != {}", v + 1), true);
        say(fmt::format(" < {}", v + 1), true);
        say(fmt::format(" >= {}", v + 1), false);
        say(fmt::format(" in {}..{}", v + 1, max), false);
        say(fmt::format(" not in {{ {}..{} }}", v + 1, max), true);
    }
    for (const char* equal : {"==", "<=", ">="}) say(fmt::format(" {} {}", equal, s.field), true);
    for (const char* unequal : {"!=", "<", ">"}) say(fmt::format(" {} {}", unequal, s.field), false);
    return rows;
}

std::vector<Row> mask_rows(const NumberSample& s) {
    const std::uint64_t max = (std::uint64_t{1} << s.bits) - 1, v = s.value;
    return {{fmt::format("{} & 0 == 0", s.field), s.frame, true, s.field},
            {fmt::format("{} & 0 != 0", s.field), s.frame, false, s.field},
            {fmt::format("{} & 0x{:x} == {}", s.field, max, v), s.frame, true, s.field},
            {fmt::format("{} & 0xffffffff == {}", s.field, v), s.frame, true, s.field},
            {fmt::format("{} & 1 == 1", s.field), s.frame, (v & 1) == 1, s.field},
            {fmt::format("{} & 0x{:x} in {{ 1..{} }}", s.field, max & ~std::uint64_t{1}, max), s.frame, v > 1, s.field},
            {fmt::format("{} & 0x{:x} > 0", s.field, max / 2), s.frame, (v & (max / 2)) != 0, s.field},
            {fmt::format("{} & 1 < {}", s.field, s.field), s.frame, v > 1, s.field}};
}

std::vector<Row> place_rows(const PlaceSample& s) {
    const std::string& f = s.field;
    const auto row = [&](std::string condition, bool expected) {
        return Row{std::move(condition), s.frame, expected, f};
    };
    return {row(f + " == " + s.value, true),
            row(f + " != " + s.value, false),
            row(f + " == " + s.below, false),
            row(f + " == " + s.above, false),
            row(f + " != " + s.below, true),
            row(f + " != " + s.above, true),
            row(f + " in { " + s.below + ", " + s.above + " }", false),
            row(f + " in { " + s.below + ", " + s.value + " }", true),
            row(f + " not in { " + s.below + ", " + s.above + " }", true),
            row(f + " not in { " + s.value + " }", false),
            row(f + " == " + f, true),
            row(f + " != " + f, false)};
}

}  // namespace

TEST_CASE("integers and ports, at their boundaries", "[fields]") {
    std::vector<Row> rows;
    for (const NumberSample& sample : number_samples())
        for (Row& row : number_rows(sample)) rows.push_back(std::move(row));
    check_rows(rows);
}

TEST_CASE("masked integers", "[fields]") {
    std::vector<Row> rows;
    for (const NumberSample& sample : number_samples()) {
        if (packet::field(*packet::find_field(sample.field)).type != packet::Type::kUint) continue;
        for (Row& row : mask_rows(sample)) rows.push_back(std::move(row));
    }
    check_rows(rows);
}

TEST_CASE("bool fields, bare and compared", "[fields]") {
    std::vector<Row> rows;
    for (const FlagSample& s : flag_samples()) {
        rows.push_back({s.field, s.frame, s.value, s.field});
        rows.push_back({"not " + s.field, s.frame, !s.value, s.field});
        rows.push_back({s.field + " == true", s.frame, s.value, s.field});
        rows.push_back({s.field + " != true", s.frame, !s.value, s.field});
        rows.push_back({s.field + " == false", s.frame, !s.value, s.field});
        rows.push_back({s.field + " != false", s.frame, s.value, s.field});
        rows.push_back({s.field + " == " + s.field, s.frame, true, s.field});
        rows.push_back({s.field + " != " + s.field, s.frame, false, s.field});
    }
    check_rows(rows);
}

TEST_CASE("addresses", "[fields]") {
    std::vector<Row> rows;
    for (const PlaceSample& s : address_samples()) {
        for (Row& row : place_rows(s)) rows.push_back(std::move(row));
        const auto say = [&](const std::string& rest, bool expected) {
            rows.push_back({s.field + rest, s.frame, expected, s.field});
        };
        say(" in " + s.prefix, true);
        say(" not in " + s.prefix, false);
        say(" in " + s.other_prefix, false);
        say(" not in " + s.other_prefix, true);
        say(" in " + s.range, true);
        say(" not in " + s.range, false);
        say(" in " + s.other_range, false);
        say(" not in " + s.other_range, true);
        say(" in { " + s.other_prefix + ", " + s.other_range + ", " + s.value + " }", true);
    }
    check_rows(rows);
}

TEST_CASE("MAC addresses", "[fields]") {
    const Bytes zero = patched(kOther, 0, zeros(12)), ones = patched(kOther, 0, Bytes(12, 0xff));
    const std::string none;
    std::vector<Row> rows;
    for (const PlaceSample& s : {PlaceSample{"eth.src", kOther, "02:00:00:00:00:01", "02:00:00:00:00:00",
                                             "02:00:00:00:00:02", none, none, none, none},
                                 PlaceSample{"eth.dst", kOther, "02:00:00:00:00:02", "02:00:00:00:00:01",
                                             "02:00:00:00:01:02", none, none, none, none},
                                 PlaceSample{"eth.src", zero, "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff",
                                             "00:00:00:00:00:01", none, none, none, none},
                                 PlaceSample{"eth.dst", ones, "ff:ff:ff:ff:ff:ff", "ff:ff:ff:ff:ff:fe",
                                             "7f:ff:ff:ff:ff:ff", none, none, none, none}})
        for (Row& row : place_rows(s)) rows.push_back(std::move(row));
    rows.push_back({"eth.src == eth.dst", kOther, false});
    rows.push_back({"eth.src != eth.dst", kOther, true});
    rows.push_back({"eth.src == eth.dst", zero, true});
    // Prefixes: ends, neighbours, every length; in sets, tuples, lets.
    const Bytes oui = patched(kOther, 6, hex("02005e7fffff"));
    struct Prefix {
        const char* text;
        bool is_in;
    };
    for (const auto& [text, is_in] : {Prefix{"02:00:5e:00:00:00/24", true},
                                      {"02:00:5e:00:00:00/25", true},
                                      {"02:00:5e:7f:ff:ff/48", true},
                                      {"02:00:5e:80:00:00/25", false},
                                      {"02:00:5e:7f:ff:fe/48", false},
                                      {"02:00:5e:7f:ff:fe/47", true},
                                      {"00:00:00:00:00:00/0", true},
                                      {"00:00:00:00:00:00/1", true},
                                      {"80:00:00:00:00:00/1", false},
                                      {"02:00:5f:00:00:00/24", false},
                                      {"02:00:00:00:00:00/16", true},
                                      {"02:00:5c:00:00:00/22", true}}) {
        const std::string prefix = text;
        for (const std::string& in :
             {" in " + prefix, " in { " + prefix + " }", " in { 0a:00:00:00:00:01, " + prefix + " }"})
            rows.push_back({"eth.src" + in, oui, is_in});
        rows.push_back({"eth.src not in " + prefix, oui, !is_in});
        rows.push_back({"(eth.src, packet.len) in { (" + prefix + ", 34) }", oui, is_in});
        rows.push_back({"(eth.src, packet.len) in { (" + prefix + ", 35) }", oui, false});
    }
    for (const char* joined :
         {"{ 02:00:5e:00:00:00/26, 02:00:5e:40:00:00/26 }", "{ 02:00:5e:7f:ff:ff, 02:00:5e:00:00:00/26 }",
          "{ 02:00:5e:00:00:00/32, 02:00:00:00:00:00/8 }"})
        rows.push_back({std::string("eth.src in ") + joined, oui, true});
    rows.push_back({"eth.dst in 01:00:5e:00:00:00/25", patched(kOther, 0, hex("01005e7fffff")), true});
    rows.push_back({"eth.dst in 01:00:5e:00:00:00/25", patched(kOther, 0, hex("01005e800000")), false});
    rows.push_back({"eth.dst in 01:00:5e:00:00:00/25", kShort, false});
    rows.push_back({"eth.dst not in 01:00:5e:00:00:00/25", kShort, false});
    check_rows(rows);
}

TEST_CASE("a comparison with an absent field is false, whichever the operator", "[fields]") {
    std::vector<Row> rows;
    for (const AbsentSample& s : absent_samples()) {
        const packet::Field& field = packet::field(*packet::find_field(s.field));
        std::vector<std::string> comparisons;
        switch (field.type) {
            case packet::Type::kBool:
                comparisons = {"== true", "== false", "!= true", "!= false", "== malformed", "!= malformed"};
                break;
            case packet::Type::kIp:
                comparisons = {"== 192.0.2.1",     "!= 192.0.2.1",           "in 0.0.0.0/0",
                               "not in 0.0.0.0/0", "in { ::/0, 0.0.0.0/0 }", "not in { ::1 }"};
                break;
            case packet::Type::kMac:
                comparisons = {"== 00:00:00:00:00:00", "!= 00:00:00:00:00:00", "in { 00:00:00:00:00:00 }",
                               "not in { 00:00:00:00:00:01 }"};
                break;
            case packet::Type::kText:
                comparisons = {"== \"\"",        "!= \"\"",     "contains \"\"",   "starts_with \"e\"",
                               "ends_with \"\"", "in { \"\" }", "not in { \"a\" }"};
                break;
            case packet::Type::kDomain:
                comparisons = {"== \"\"", "!= \"\"", "contains \"\"", "starts_with \"e\"", "ends_with \"\""};
                break;
            case packet::Type::kBytes:
                comparisons = {"== \"\"",          "!= \"\"",        "contains \"\"", "contains \"a\"",
                               "starts_with \"\"", "ends_with \"\"", "in { \"\" }",   "not in { \"a\", \"b\" }"};
                break;
            default:
                comparisons = {"== 0",     "!= 0",    "< 1",          "<= 0",         "> 0",           ">= 0",
                               "in { 0 }", "in 0..1", "not in { 0 }", "not in { 1 }", "== packet.len", "!= packet.len"};
        }
        for (const std::string& comparison : comparisons) {
            if (field.type == packet::Type::kPort && comparison.ends_with("packet.len")) continue;
            rows.push_back({s.field + " " + comparison, s.frame, false, "a packet without " + s.field});
            rows.push_back({"not " + s.field + " " + comparison, s.frame, true, "a packet without " + s.field});
        }
        if (field.type == packet::Type::kBool) rows.push_back({s.field, s.frame, false, "a packet without " + s.field});
        if (field.type != packet::Type::kText && field.type != packet::Type::kBytes) {
            rows.push_back({s.field + " == " + s.field, s.frame, false, "a packet without " + s.field});
            rows.push_back({s.field + " != " + s.field, s.frame, false, "a packet without " + s.field});
        }
    }
    check_rows(rows);
}

TEST_CASE("each supported field has its rows", "[fields]") {
    std::set<std::string> valued{"iface", "payload", "eth.src", "eth.dst"},
        absent{"rx_queue", "packet.len", "malformed"};
    for (const NumberSample& s : number_samples()) valued.insert(s.field);
    for (const FlagSample& s : flag_samples()) valued.insert(s.field);
    for (const PlaceSample& s : address_samples()) valued.insert(s.field);
    for (const TextSample& s : inside_texts()) valued.insert(s.field);
    for (const AbsentSample& s : absent_samples()) absent.insert(s.field);
    for (const packet::Field& field : packet::fields()) {
        if ((field.need & WEIR_NEED_FLOWS) != 0) continue;  // of flows: flows_test.cpp
        CAPTURE(field.name);
        CHECK(valued.contains(std::string(field.name)));
        CHECK(absent.contains(std::string(field.name)));
    }
}
