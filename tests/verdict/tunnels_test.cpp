// The packet in the packet: tunnels, and what ICMP errors quote. What is expected is written from docs/language.md,
// "How tunnels and ICMP errors are read".
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include <set>

#include "compiler/packet/fields.h"
#include "tests/support/table.h"

using namespace weir;
using namespace weir::tests;

namespace {

using Conditions = std::vector<std::string>;

Bytes vxlan(const Bytes& inside, std::uint32_t vni = 42, unsigned flags = 8) {
    return Bytes{static_cast<std::uint8_t>(flags), 0, 0, 0} + be32(std::uint64_t{vni} << 8) + inside;
}
// `words`: of options, of which the header announces `announced`.
Bytes geneve(std::uint16_t type, const Bytes& inside, std::size_t words = 0, std::size_t announced = 0) {
    return be16(announced << 8) + be16(type) + be32(7u << 8) + zeros(4 * words) + inside;
}
Bytes gre(std::uint16_t flags, std::uint16_t type, const Bytes& fields, const Bytes& inside) {
    return be16(flags) + be16(type) + fields + inside;
}
Bytes in_vxlan4(const Bytes& payload) { return udp4({.destination = 4789}, payload); }
Bytes in_vxlan(const Bytes& frame) { return in_vxlan4(vxlan(frame)); }
Bytes in_geneve(const Bytes& payload) { return udp4({.destination = 6081}, payload); }
Bytes packet_of(const Bytes& frame) { return Bytes(frame.begin() + 14, frame.end()); }

const Bytes kTcp = ip4({}, tcp({}));
const Bytes kTcpFrame = eth(0x0800) + kTcp;
const Conditions kThere{"inner", "inner.ip.src == 198.51.100.7", "inner.tcp.dport == 80"};
const Conditions kNone{"inner", "inner.ip", "inner.ip.src in 0.0.0.0/0", "inner.tcp", "inner.port.dst >= 0"};
const Conditions kNoTunnel = [] {
    Conditions all{"inner.malformed", "not inner.malformed == true and inner.malformed == false"};
    all.insert(all.end(), kNone.begin(), kNone.end());
    return all;
}();
const std::string kGood = "inner.malformed == false", kBad = "inner.malformed == true";

using weir::tests::operator+;  // of bytes
Conditions operator+(Conditions a, const Conditions& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

class Shapes {
public:
    void add(const std::string& about, const Bytes& frame, const Conditions& yes, const Conditions& no) {
        for (const std::string& condition : yes) rows_.push_back({condition, frame, true, about});
        for (const std::string& condition : no) rows_.push_back({condition, frame, false, about});
    }
    ~Shapes() { check_rows(rows_); }

private:
    std::vector<Row> rows_;
};

struct Sample {
    std::string field;
    Bytes frame;        // in there
    std::string value;  // of the field; empty: a bool that is true
    std::string other;  // that it is not
};
Bytes with4(const Ip4& header, const Bytes& body = tcp({})) { return eth(0x0800) + ip4(header, body); }
Bytes with6(const Ip6& header, const Bytes& body = tcp({})) { return eth(0x86dd) + ip6(header, body); }

// clang-format off
std::vector<Sample> samples() {
    const Bytes flags = tcp4({.flags = 0xff});
    return {
        {"malformed", cut(kTcpFrame, 40), "", ""},
        {"ip", kTcpFrame, "", ""}, {"ip4", kTcpFrame, "", ""}, {"ip6", tcp6(), "", ""},
        {"ip.version", tcp6(), "6", "4"}, {"ip.version", kTcpFrame, "4", "6"},
        {"ip.src", kTcpFrame, "198.51.100.7", "198.51.100.8"}, {"ip.src", tcp6(), "2001:db8::7", "198.51.100.7"},
        {"ip.dst", kTcpFrame, "192.0.2.1", "192.0.2.0"}, {"ip.dst", tcp6(), "2001:db8::1", "2001:db8::2"},
        {"ip.proto", udp4(), "17", "6"}, {"ip.proto", in6(60, extension(17) + udp({})), "17", "60"},
        {"ip.ttl", with4({.ttl = 255}), "255", "64"}, {"ip.ttl", with6({.hops = 0}), "0", "64"},
        {"ip.dscp", with4({.tos = 0xfc}), "63", "0"}, {"ip.ecn", with4({.tos = 0x03}), "3", "0"},
        {"ip.len", kTcpFrame, "40", "41"}, {"ip.len", tcp6(), "60", "40"},
        {"ip.is_fragment", with4({.fragment = 0x2000}), "", ""}, {"ip.mf", with4({.fragment = 0x2000}), "", ""},
        {"ip.frag_offset", with4({.fragment = 0x1fff}), "65528", "0"}, {"ip.frag_offset", kTcpFrame, "0", "8"},
        {"ip.df", with4({.fragment = 0x4000}), "", ""},
        {"ip.id", with4({.id = 0xffff}), "0xffff", "0"}, {"ip.id", in6(44, fragment(6, 1, 0xfffffffe) + tcp({})), "0xfffffffe", "0"},
        {"ip.has_options", with4({.version_ihl = 0x46, .options = zeros(4)}), "", ""},
        {"ip6.flow_label", with6({.first = 0x600fffff}), "0xfffff", "0"},
        {"ip6.hop_by_hop", in6(0, extension(6) + tcp({})), "", ""}, {"ip6.routing", in6(43, extension(6) + tcp({})), "", ""},
        {"ip6.fragment", in6(44, fragment(6, 0) + tcp({})), "", ""}, {"ip6.destination", in6(60, extension(6) + tcp({})), "", ""},
        {"ip6.routing_type", in6(43, patched(extension(6), 2, {4}) + tcp({})), "4", "0"},
        {"ip4.source_route", with4({.version_ihl = 0x47, .options = hex("83070400000000 00")}), "", ""},
        {"tcp", kTcpFrame, "", ""},
        {"tcp.sport", tcp4({.source = 65535}), "65535", "0"}, {"tcp.dport", tcp4({.destination = 0}), "0", "80"},
        {"tcp.flags", flags, "0xff", "0xfe"}, {"tcp.fin", flags, "", ""}, {"tcp.syn", flags, "", ""}, {"tcp.rst", flags, "", ""},
        {"tcp.psh", flags, "", ""}, {"tcp.ack", flags, "", ""}, {"tcp.urg", flags, "", ""}, {"tcp.ece", flags, "", ""}, {"tcp.cwr", flags, "", ""},
        {"tcp.seq", tcp4({.seq = 0xffffffff}), "0xffffffff", "1"}, {"tcp.ack_seq", tcp4({.ack = 0xfffffffe}), "0xfffffffe", "0"},
        {"tcp.window", tcp4({.window = 1}), "1", "65535"}, {"tcp.header_len", tcp4({.options = zeros(40)}), "60", "20"},
        {"tcp.mss", tcp4({.options = hex("01 020405b4 000000")}), "1460", "0"},
        {"udp", udp4(), "", ""}, {"udp.sport", udp4({.source = 1}), "1", "4000"}, {"udp.dport", udp4({.destination = 65535}), "65535", "53"},
        {"udp.len", udp4({}, zeros(9)), "17", "8"},
        {"sctp", in4(132, sctp(1, 2)), "", ""}, {"sctp.sport", in4(132, sctp(65535, 2)), "65535", "2"}, {"sctp.dport", in6(132, sctp(1, 65534)), "65534", "1"},
        {"port.src", udp6({.source = 9}), "9", "4000"}, {"port.dst", in4(132, sctp(1, 7)), "7", "1"},
        {"icmp", in4(1, icmp(8, 0, 1, 1)), "", ""}, {"icmp.type", in4(1, icmp(255, 0, 1, 1)), "255", "0"}, {"icmp.code", in4(1, icmp(3, 13, 1, 1)), "13", "3"},
        {"icmp.id", in4(1, icmp(0, 0, 0xffff, 1)), "0xffff", "1"}, {"icmp.seq", in4(1, icmp(8, 0, 1, 0xfffe)), "0xfffe", "1"},
        {"icmp6", in6(58, icmp(128, 0, 1, 1)), "", ""}, {"icmp6.type", in6(58, icmp(1, 4, 1, 1)), "1", "4"}, {"icmp6.code", in6(58, icmp(1, 4, 1, 1)), "4", "1"},
        {"icmp6.id", in6(58, icmp(129, 0, 3, 1)), "3", "1"}, {"icmp6.seq", in6(58, icmp(128, 0, 1, 5)), "5", "1"},
    };
}
// clang-format on

// Each kind of tunnel with that frame, or the packet of it, in there.
std::vector<std::pair<std::string, Bytes>> tunnels(const Bytes& frame) {
    const std::uint16_t type = static_cast<std::uint16_t>(frame[12] << 8 | frame[13]);
    const Bytes packet = packet_of(frame);
    return {
        {"VXLAN", in_vxlan(frame)},
        {"VXLAN over IPv6", udp6({.destination = 4789}, vxlan(frame))},
        {"VXLAN, two tags",
         in_vxlan(macs() + tag(0x88a8, 5) + tag(0x8100, 6) + Bytes(frame.begin() + 12, frame.end()))},
        {"VXLAN, one old tag", in_vxlan(macs() + tag(0x9100, 5) + Bytes(frame.begin() + 12, frame.end()))},
        {"GENEVE, Ethernet", in_geneve(geneve(0x6558, frame))},
        {"GENEVE, options", in_geneve(geneve(0x6558, frame, 63, 63))},
        {"GENEVE, IP", in_geneve(geneve(type, packet, 1, 1))},
        {"GRE, IP", in4(47, gre(0, type, {}, packet))},
        {"GRE, Ethernet", in4(47, gre(0, 0x6558, {}, frame))},
        {"GRE, all fields", in4(47, gre(0xb000, type, be32(1) + be32(2) + be32(3), packet))},
        {"GRE over IPv6 with an extension header", in6(60, extension(47) + gre(0x2000, type, be32(2), packet))},
        {"IP in IPv4", in4(type == 0x0800 ? 4 : 41, packet)},
        {"IP in IPv6", in6(type == 0x0800 ? 4 : 41, packet)},
    };
}

}  // namespace

TEST_CASE("each field of the packet in the packet", "[tunnels]") {
    std::vector<Row> rows;
    std::set<std::string> seen;
    for (const Sample& sample : samples()) {
        const auto field = packet::find_field("inner." + sample.field);
        if (!field) continue;  // not of this version
        seen.insert(sample.field);
        const std::string name = "inner." + sample.field;
        const bool is_bool = sample.value.empty();
        for (const auto& [kind, frame] : tunnels(sample.frame)) {
            if (is_bool) {
                rows.push_back({name, frame, true, kind});
                rows.push_back({"not " + name, frame, false, kind});
                continue;
            }
            rows.push_back({name + " == " + sample.value, frame, true, kind});
            rows.push_back({name + " in { " + sample.value + ", " + sample.other + " }", frame, true, kind});
            rows.push_back({name + " == " + sample.other, frame, false, kind});
        }
        const std::string any = is_bool ? name : name + " == " + sample.value + " or " + name + " != " + sample.value;
        for (const Bytes& none : {udp4(), arp(), in_vxlan4(vxlan(kTcpFrame, 42, 0)), cut(kTcpFrame, 13)})
            rows.push_back({any, none, false, "nothing in there"});
    }
    for (const packet::Field& field : packet::fields())
        if (field.layers == packet::Layers::kBoth && seen.count(std::string(field.name)) == 0)
            FAIL("no packet with inner." << field.name);
    check_rows(rows);
}

TEST_CASE("which packets are tunnels", "[tunnels]") {
    Shapes shapes;
    for (const auto& [kind, frame] : tunnels(kTcpFrame)) {
        shapes.add(kind, frame, kThere + Conditions{kGood, "not malformed"}, {"inner.udp", "icmp.has_inner"});
        // What the frame has behind the datagram is nobody's.
        shapes.add(kind + ", padded", frame + zeros(20), kThere + Conditions{kGood}, {});
    }
    for (const std::uint32_t vni : {0u, 1u, 0x00ff00u, 0xffffffu})
        shapes.add("VNI", in_vxlan4(vxlan(kTcpFrame, vni)), {"vxlan", fmt::format("vxlan.vni == {}", vni)},
                   {"vxlan.vni == 2", "geneve", "gre", "ipip"});
    shapes.add("VXLAN, all flags but I", in_vxlan4(vxlan(kTcpFrame, 1, 0xf7)), {"payload.len == 62"},
               kNoTunnel + Conditions{"vxlan", "vxlan.vni >= 0"});
    shapes.add("VXLAN, other flags, too", in_vxlan4(vxlan(kTcpFrame, 1, 0xff)), kThere + Conditions{"vxlan"}, {});
    shapes.add("from port 4789", udp4({.source = 4789}, vxlan(kTcpFrame)), {}, kNoTunnel + Conditions{"vxlan"});
    shapes.add("TCP to 4789", tcp4({.destination = 4789}, vxlan(kTcpFrame)), {}, kNoTunnel + Conditions{"vxlan"});
    shapes.add("VXLAN, seven bytes", in_vxlan4(cut(vxlan(kTcpFrame), 7)), {}, kNoTunnel + Conditions{"vxlan"});
    shapes.add("VXLAN, seven bytes and padding", in_vxlan4(cut(vxlan(kTcpFrame), 7)) + zeros(30), {},
               kNoTunnel + Conditions{"vxlan"});
    shapes.add("VXLAN, no frame", in_vxlan4(vxlan({})), {"vxlan", kBad}, kNone);
    shapes.add("VXLAN with ARP", in_vxlan(arp()), {"vxlan", kGood}, kNone + Conditions{"arp"});
    shapes.add("VXLAN with a length", in_vxlan(eth(60) + zeros(60)), {"vxlan", kGood}, kNone);
    shapes.add("VXLAN in VXLAN", in_vxlan(in_vxlan(kTcpFrame)),
               {"vxlan", "inner.udp.dport == 4789", "inner.ip.len == 90"}, {"inner.tcp"});

    for (unsigned version = 1; version < 4; ++version)
        shapes.add("GENEVE, version",
                   in_geneve(patched(geneve(0x6558, kTcpFrame), 0, {static_cast<std::uint8_t>(version << 6)})), {},
                   kNoTunnel + Conditions{"geneve"});
    shapes.add("GENEVE", in_geneve(geneve(0x6558, kTcpFrame)), {"geneve", "geneve.vni == 7"}, {"vxlan"});
    shapes.add("GENEVE with another type", in_geneve(geneve(0x0806, packet_of(arp()))), {"geneve", "geneve.vni == 7"},
               kNoTunnel);
    shapes.add("GENEVE, seven bytes", in_geneve(cut(geneve(0x6558, kTcpFrame), 7)), {},
               kNoTunnel + Conditions{"geneve"});
    shapes.add("IP of another version", in4(41, kTcp), {"ipip", kBad}, kNone);
    shapes.add("IP of another version", in6(4, packet_of(tcp6())), {"ipip", kBad}, kNone);
    shapes.add("IP in IP, nothing", in4(4, {}), {"ipip", kBad}, kNone);
}

TEST_CASE("GENEVE options of every length, whole and cut", "[tunnels]") {
    Shapes shapes;
    for (std::size_t announced = 0; announced < 64; ++announced) {
        const Bytes whole = in_geneve(geneve(0x0800, kTcp, announced, announced));
        shapes.add(fmt::format("{} words", announced), whole, kThere + Conditions{kGood}, {});
        if (announced == 0) continue;
        const Bytes less = in_geneve(geneve(0x0800, {}, announced - 1, announced));
        shapes.add(fmt::format("{} words, one less", announced), less, {"geneve", "geneve.vni == 7", "not malformed"},
                   kNoTunnel);
        const Bytes bare = in_geneve(geneve(0x0800, {}, announced, announced));
        shapes.add(fmt::format("{} words, nothing behind", announced), bare, {"geneve", kBad}, kNone);
    }
}

TEST_CASE("GRE with every flag", "[tunnels]") {
    Shapes shapes;
    std::vector<unsigned> all;
    for (unsigned high = 0; high < 256; ++high)
        for (const unsigned low : {0x00u, 0xf8u, 0x01u, 0x07u}) all.push_back(high << 8 | low);
    for (unsigned low = 0; low < 256; ++low) all.push_back(0xb000 | low);
    for (const unsigned flags : all) {
        const bool sums = flags & 0x8000, routes = flags & 0x4000, keys = flags & 0x2000, counts = flags & 0x1000;
        Bytes fields;
        if (sums || routes) fields = fields + be32(0x11111111);
        if (keys) fields = fields + be32(0xfffffffe);
        if (counts) fields = fields + be32(0x33333333);
        const Bytes frame = in4(47, gre(static_cast<std::uint16_t>(flags), 0x0800, fields, kTcp));
        const std::string about = fmt::format("flags {:#06x}", flags);
        const bool has_key = keys && (flags & 7) == 0, is_read = !routes && (flags & 7) == 0;
        const Conditions key{"gre.key == 0xfffffffe"}, no_key{"gre.key >= 0"};
        shapes.add(about, frame, {"gre"}, {"malformed", "ipip"});
        shapes.add(about, frame, has_key ? key : Conditions{}, has_key ? Conditions{} : no_key);
        if (is_read)
            shapes.add(about, frame, kThere + Conditions{kGood}, {});
        else
            shapes.add(about, frame, {}, kNoTunnel);
    }
    shapes.add("Ethernet in GRE of version 1", in4(47, gre(1, 0x6558, {}, kTcpFrame)), {"gre"}, kNoTunnel);
    shapes.add("another type", in4(47, gre(0x2000, 0x880b, be32(5), kTcp)), {"gre", "gre.key == 5"}, kNoTunnel);
}

TEST_CASE("GRE cut at each byte", "[tunnels]") {
    Shapes shapes;
    const Bytes whole = gre(0xb000, 0x0800, be32(1) + be32(2) + be32(3), kTcp);
    for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) {
        const Bytes frame = in4(47, cut(whole, bytes));
        const std::string about = fmt::format("the first {} bytes", bytes);
        for (const Bytes& padded : {frame, frame + zeros(64)}) {
            shapes.add(about, padded, {"gre", "not malformed"}, kNone);
            shapes.add(about, padded, bytes < 16 ? Conditions{} : Conditions{kBad},
                       bytes < 16 ? kNoTunnel : Conditions{kGood});
            shapes.add(about, padded, bytes < 12 ? Conditions{} : Conditions{"gre.key == 2"},
                       bytes < 12 ? Conditions{"gre.key >= 0"} : Conditions{});
        }
    }
}

TEST_CASE("the frame in VXLAN cut at each byte, the outer headers right", "[tunnels]") {
    const Bytes tags = macs() + tag(0x88a8, 5) + tag(0x8100, 6);
    for (const Bytes& whole :
         {tags + be16(0x0800) + ip4({.version_ihl = 0x46, .options = zeros(4)}, tcp({.options = zeros(4)})),
          tags + be16(0x86dd) + ip6({.next = 60}, extension(17) + udp({}))}) {
        Shapes shapes;
        for (std::size_t bytes = 0; bytes < whole.size(); ++bytes)
            for (const Bytes& frame : {in_vxlan(cut(whole, bytes)), in_vxlan(cut(whole, bytes)) + zeros(120)})
                shapes.add(fmt::format("the first {} bytes", bytes), frame,
                           {"vxlan", "vxlan.vni == 42", kBad, "malformed == false", "udp.dport == 4789"}, kNone);
        shapes.add("all", in_vxlan(whole), {"inner", kGood, "inner.port.src == 4000"}, {});
    }
}

TEST_CASE("inner headers that lie", "[tunnels]") {
    Shapes shapes;
    const auto lie = [&](const std::string& about, const Bytes& packet, const Conditions& yes, const Conditions& no) {
        const bool six = packet[0] >> 4 == 6;
        for (const auto& [kind, frame] : tunnels(eth(six ? 0x86dd : 0x0800) + packet))
            shapes.add(about + ", " + kind, frame, yes + Conditions{kBad, "malformed == false"}, no);
    };
    const Conditions no_l4{"inner.tcp", "inner.udp", "inner.port.src >= 0", "inner.icmp", "inner.icmp6", "inner.sctp"};
    lie("IHL below 5", ip4({.version_ihl = 0x44}, tcp({})), {}, kNone);
    lie("IHL beyond the total length", ip4({.version_ihl = 0x4f, .total = 40}, tcp({})), {}, kNone);
    lie("total length below the header's", ip4({.total = 19}, tcp({})), {}, kNone);
    lie("total length one beyond", ip4({.total = 41}, tcp({})), {}, kNone);
    lie("payload length one beyond", ip6({.length = 21}, tcp({})), {}, kNone);
    lie("TCP data offset below 5", ip4({}, tcp({.offset = 4})), {"inner", "inner.ip.proto == 6"}, no_l4);
    lie("TCP data offset beyond", ip4({}, tcp({.offset = 6})), {"inner", "inner.ip.dst == 192.0.2.1"}, no_l4);
    lie("UDP length below 8", ip4({.protocol = 17}, udp({.length = 7})), {"inner"}, no_l4);
    lie("UDP length beyond", ip6({.next = 17}, udp({.length = 9})), {"inner"}, no_l4);
    lie("TCP cut by the inner datagram's end", ip4({.total = 39}, tcp({})), {"inner", "inner.ip.len == 39"}, no_l4);
    lie("nine extension headers",
        ip6({.next = 60},
            [] {
                Bytes all;
                for (int i = 0; i < 8; ++i) all = all + extension(60);
                return all + extension(6) + tcp({});
            }()),
        {"inner", "inner.ip6"}, no_l4 + Conditions{"inner.ip.proto >= 0"});
    shapes.add("three tags", in_vxlan(macs() + tag(0x8100, 1) + tag(0x88a8, 2) + tag(0x9100, 3) + be16(0x0800) + kTcp),
               {kBad}, kNone);
    // An inner length within the frame, but beyond the outer datagram.
    shapes.add("a length into the padding", in4(4, ip4({.total = 60}, tcp({}))) + zeros(40), {"ipip", kBad}, kNone);
    shapes.add("less than the outer payload", in4(4, ip4({}, tcp({})) + zeros(10)), kThere + Conditions{kGood}, {});
    // Outside: nothing in there is looked at.
    shapes.add("the outer length lies", cut(in_vxlan(kTcpFrame), 80), {"malformed"}, kNoTunnel + Conditions{"vxlan"});
    shapes.add("the outer UDP length lies", udp4({.destination = 4789, .length = 7}, vxlan(kTcpFrame)), {"malformed"},
               kNoTunnel + Conditions{"vxlan"});
    shapes.add("a shorter outer UDP length", udp4({.destination = 4789, .length = 8 + 8 + 14 + 20}, vxlan(kTcpFrame)),
               {"vxlan", kBad, "not malformed"}, kNone);
}

TEST_CASE("tunnels in fragments, and fragments in tunnels", "[tunnels]") {
    Shapes shapes;
    const Bytes payload = udp({.destination = 4789, .length = 200}, vxlan(kTcpFrame));
    shapes.add("a first fragment with all of the inner packet",
               eth(0x0800) + ip4({.fragment = 0x2000, .protocol = 17}, payload), kThere + Conditions{"vxlan", kGood},
               {});
    shapes.add("a first fragment with a part of it",
               eth(0x0800) + ip4({.fragment = 0x2000, .protocol = 17}, cut(payload, 60)),
               {"vxlan", kBad, "malformed == false"}, kNone);
    for (const std::uint16_t fragment : std::vector<std::uint16_t>{0x0001, 0x2001, 0x1fff})
        for (const std::uint8_t protocol : std::vector<std::uint8_t>{4, 17, 41, 47, 1}) {
            const Bytes frame =
                eth(0x0800) + ip4({.fragment = fragment, .protocol = protocol}, protocol == 17 ? payload : kTcp);
            shapes.add("a later fragment", frame, {"ip.is_fragment"}, kNoTunnel + Conditions{"vxlan", "gre", "ipip"});
        }
    shapes.add("a later fragment, IPv6", in6(44, tests::fragment(4, 8) + kTcp), {"ip.is_fragment"},
               kNoTunnel + Conditions{"ipip"});
    shapes.add("a fragment in there", in4(4, ip4({.fragment = 0x0001}, tcp({}))),
               {"inner", "inner.ip.is_fragment", "inner.ip.frag_offset == 8", "inner.ip.proto == 6", kGood},
               {"inner.tcp", "ip.is_fragment"});
    shapes.add("a first fragment in there", in4(4, ip4({.fragment = 0x2000, .protocol = 17}, udp({.length = 900}))),
               {"inner.udp.len == 900", "inner.ip.mf", kGood}, {});
}

TEST_CASE("which ICMP messages are errors", "[tunnels]") {
    Shapes shapes;
    const Bytes six = ip6({}, tcp({}));
    for (unsigned type = 0; type < 256; ++type) {
        const std::string about = fmt::format("type {}", type);
        const bool is_error = type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
        const Bytes four = in4(1, icmp(static_cast<std::uint8_t>(type), 0, 0, 0, kTcp));
        if (is_error)
            shapes.add(about, four, kThere + Conditions{"icmp.has_inner", kGood}, {"icmp6.has_inner", "ipip", "gre"});
        else
            shapes.add(about, four, {"icmp.has_inner == false"}, kNoTunnel + Conditions{"icmp.has_inner"});
        const Bytes frame = in6(58, icmp(static_cast<std::uint8_t>(type), 0, 0, 0, six));
        if (type >= 1 && type <= 127)
            shapes.add(about, frame, {"icmp6.has_inner", "inner.ip6", "inner.tcp.syn", kGood}, {"icmp.has_inner"});
        else
            shapes.add(about, frame, {"icmp6.has_inner == false"}, kNoTunnel + Conditions{"icmp6.has_inner"});
    }
    shapes.add("not ICMP", udp4(), {}, {"icmp.has_inner", "icmp.has_inner == false", "icmp6.has_inner == false"});
}

TEST_CASE("what an IPv4 error quotes, cut at each byte", "[tunnels]") {
    Shapes shapes;
    const Conditions rest{"inner.tcp.flags >= 0",      "inner.tcp.syn == true or inner.tcp.syn == false",
                          "inner.tcp.ack_seq >= 0",    "inner.tcp.window >= 0",
                          "inner.tcp.header_len >= 0", "inner.tcp.mss >= 0"};
    const Bytes whole = ip4({.total = 1500}, tcp({.seq = 0x01020304, .options = hex("020405b4")}, text("abcd")));
    REQUIRE(whole.size() == 48);
    for (std::size_t bytes = 0; bytes <= whole.size(); ++bytes)
        for (const Bytes& frame :
             {in4(1, icmp(3, 1, 0, 0, cut(whole, bytes))), in4(1, icmp(3, 1, 0, 0, cut(whole, bytes))) + zeros(40)}) {
            const std::string about = fmt::format("the first {} bytes", bytes);
            shapes.add(about, frame, {"icmp", kGood, "malformed == false"}, {});
            if (bytes < 20) {
                shapes.add(about, frame, {"icmp.has_inner == false"}, kNone);
                continue;
            }
            shapes.add(about, frame,
                       {"icmp.has_inner", "inner", "inner.ip.len == 1500", "inner.ip.proto == 6", "inner.ip.ttl == 64"},
                       {});
            const Conditions ports{"inner.tcp", "inner.tcp.sport == 4000", "inner.port.dst == 80",
                                   "inner.tcp.seq == 0x01020304"};
            shapes.add(about, frame, bytes < 28 ? Conditions{} : ports, bytes < 28 ? ports : Conditions{});
            const Conditions all{"inner.tcp.flags == 2", "inner.tcp.syn", "inner.tcp.window == 65535",
                                 "inner.tcp.header_len == 24"};
            shapes.add(about, frame, bytes < 40 ? Conditions{} : all, bytes < 40 ? rest : Conditions{});
            shapes.add(about, frame, bytes < 44 ? Conditions{} : Conditions{"inner.tcp.mss == 1460"},
                       bytes < 44 ? Conditions{"inner.tcp.mss >= 0"} : Conditions{});
        }
}

TEST_CASE("what an IPv6 error quotes, cut at each byte", "[tunnels]") {
    Shapes shapes;
    const Bytes whole =
        ip6({.length = 1200, .next = 0}, extension(44) + fragment(60, 1, 9) + extension(17, 2) + udp({.length = 900}));
    for (std::size_t bytes = 0; bytes <= whole.size(); ++bytes) {
        const Bytes frame = in6(58, icmp(3, 0, 0, 0, cut(whole, bytes)));
        const std::string about = fmt::format("the first {} bytes", bytes);
        shapes.add(about, frame, {"icmp6", kGood}, {});
        const auto from = [&](std::size_t there, const std::string& condition, const std::string& absent) {
            shapes.add(about, frame, bytes < there ? Conditions{} : Conditions{condition},
                       bytes < there ? Conditions{absent} : Conditions{});
        };
        from(40, "icmp6.has_inner", "inner");
        from(40, "inner.ip.len == 1240", "inner.ip.len >= 0");
        from(56, "inner.ip.id == 9", "inner.ip.id >= 0");
        from(56, "inner.ip.mf", "inner.ip.mf");
        from(72, "inner.ip.proto == 17", "inner.ip.proto >= 0");
        from(80, "inner.udp.len == 900", "inner.udp");
    }
}

TEST_CASE("other protocols in an error, and lies", "[tunnels]") {
    Shapes shapes;
    const auto about4 = [](const Bytes& packet) { return in4(1, icmp(11, 0, 0, 0, packet)); };
    for (const std::size_t bytes : {std::size_t{20 + 7}, std::size_t{20 + 8}, std::size_t{20 + 12}}) {
        const bool is_there = bytes >= 28;
        const auto row = [&](const Bytes& packet, const Conditions& conditions) {
            shapes.add(fmt::format("{} bytes", bytes), about4(cut(packet, bytes)),
                       (is_there ? conditions : Conditions{}) + Conditions{"inner", kGood},
                       is_there ? Conditions{} : conditions);
        };
        row(ip4({.total = 900, .protocol = 132}, sctp(7, 9)),
            {"inner.sctp", "inner.sctp.sport == 7", "inner.port.dst == 9"});
        row(ip4({.total = 900, .protocol = 17}, udp({.length = 880}) + zeros(8)),
            {"inner.udp.dport == 53", "inner.udp.len == 880"});
        row(ip4({.total = 900, .protocol = 1}, icmp(8, 0, 5, 6) + zeros(8)),
            {"inner.icmp.type == 8", "inner.icmp.id == 5", "inner.icmp.seq == 6"});
    }
    shapes.add("a later fragment", about4(ip4({.fragment = 0x0010}, tcp({}))),
               {"inner", "inner.ip.frag_offset == 128", kGood}, {"inner.tcp"});
    shapes.add("an error in an error", about4(ip4({.protocol = 1}, icmp(3, 0, 0, 0, kTcp))), {"inner.icmp.type == 3"},
               {"inner.tcp"});
    shapes.add("another version", about4(packet_of(tcp6())), {kBad, "icmp.has_inner == false"}, kNone);
    shapes.add("IHL below 5", about4(ip4({.version_ihl = 0x43}, tcp({}))), {kBad, "icmp.has_inner == false"}, kNone);
    shapes.add("total length below the header's", about4(ip4({.total = 10}, tcp({}))), {kBad}, kNone);
    shapes.add("a datagram that ends within its TCP header", about4(ip4({.total = 28}, cut(tcp({}), 8))),
               {kBad, "inner", "icmp.has_inner"}, {"inner.tcp"});
    shapes.add("TCP data offset below 5", about4(ip4({.total = 900}, tcp({.offset = 4}))), {kBad, "inner"},
               {"inner.tcp"});
    shapes.add("UDP length below 8", about4(ip4({.total = 900, .protocol = 17}, udp({.length = 3}))), {kBad, "inner"},
               {"inner.udp"});
    shapes.add("options beyond what is there",
               about4(cut(ip4({.version_ihl = 0x4f, .total = 900, .options = zeros(40)}, tcp({})), 30)),
               {kGood, "inner", "inner.ip.proto == 6", "inner.ip.has_options"}, {"inner.tcp"});
    // Each packet has its own first Routing header.
    shapes.add("Routing headers in both", in6(43, patched(extension(4), 2, {3}) + ip4({}, tcp({}))), {"inner.tcp"},
               {"inner.ip6.routing_type >= 0"});
    shapes.add("Routing headers in both",
               in6(43, patched(extension(41), 2, {3}) + ip6({.next = 43}, patched(extension(6), 2, {4}) + tcp({}))),
               {"ip6.routing_type == 3", "inner.ip6.routing_type == 4", "inner.tcp"}, {});
    shapes.add("an error that is a first fragment",
               eth(0x0800) + ip4({.fragment = 0x2000, .protocol = 1}, icmp(3, 0, 0, 0, kTcp)), kThere, {});
}
