// Every shape of frame that docs/language.md calls malformed, and those next to it that are not. What is expected is
// written from the page, header by header.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "tests/support/table.h"

using namespace weir;
using namespace weir::tests;

namespace {

using Conditions = std::vector<std::string>;

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

// What is there of an IPv4/TCP packet, by how many of its headers are.
const Conditions kNoL2{"malformed", "packet.len >= 0"};
const Conditions kEthFields{"eth.src == 02:00:00:00:00:01", "eth.dst == 02:00:00:00:00:02"};
const Conditions kIpFields{"ip", "ip.src != ::9", "ip.ttl == 64", "ip.len > 0"};
const Conditions kTcpFields{"tcp",     "tcp.sport == 4000", "port.dst == 80",
                            "tcp.syn", "tcp.seq == 1",      "tcp.window == 65535"};
const Conditions kL4Names{"tcp", "udp", "sctp", "icmp", "icmp6", "port.src >= 0", "port.dst >= 0", "tcp.flags >= 0"};
const Conditions kPayloadNames{"payload.len >= 0", "payload contains \"\"", "payload starts_with \"\""};

Conditions operator+(Conditions a, const Conditions& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}
Conditions is(const std::string& condition) { return {condition}; }

}  // namespace

TEST_CASE("a frame cut at each byte", "[malformed]") {
    const Bytes whole =
        eth(0x0800) + ip4({.version_ihl = 0x46, .options = zeros(4)}, tcp({.options = hex("020405b4")}, text("abcd")));
    REQUIRE(whole.size() == 14 + 24 + 24 + 4);
    Shapes shapes;
    for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) {
        const Bytes frame = cut(whole, bytes);
        const std::string about = fmt::format("the first {} bytes", bytes);
        const Conditions size = is(fmt::format("packet.len == {}", bytes)) + is("malformed");
        // The total length is beyond the frame, wherever the cut is.
        if (bytes < 14)
            shapes.add(about, frame, size, {"eth.type >= 0", "eth.src == 02:00:00:00:00:01", "vlan.depth >= 0", "ip"});
        else
            shapes.add(about, frame, size + kEthFields + is("eth.type == 0x0800"),
                       is("ip") + is("ip.proto >= 0") + kL4Names + kPayloadNames);
    }
    shapes.add("the whole", whole,
               kEthFields + kIpFields + kTcpFields + Conditions{"tcp.mss == 1460", "payload == \"abcd\""},
               {"malformed"});
}

TEST_CASE("an IPv4 datagram cut at each byte, the frame padded", "[malformed]") {
    Shapes shapes;
    const Bytes body = tcp({.options = hex("020405b4")}, text("abcd"));
    for (int total = 0; total <= 24 + 24 + 4 + 10; ++total) {
        const Bytes frame =
            eth(0x0800) + ip4({.version_ihl = 0x46, .total = total, .options = zeros(4)}, body) + Bytes(9, 'p');
        const std::string about = fmt::format("total length {}", total);
        const int in_frame = 24 + 28 + 9;
        if (total < 24 || total > in_frame) {
            shapes.add(about, frame, kEthFields + is("malformed"),
                       is("ip") + is("ip.src == 198.51.100.7") + kL4Names + kPayloadNames);
        } else if (total < 24 + 24) {  // TCP's options are part of its header
            shapes.add(about, frame,
                       kIpFields + is("malformed") + is("ip.has_options") + is(fmt::format("ip.len == {}", total)),
                       kL4Names + kPayloadNames + is("tcp.mss > 0"));
        } else {
            shapes.add(about, frame, kIpFields + kTcpFields + is(fmt::format("payload.len == {}", total - 48)),
                       {"malformed"});
        }
    }
}

TEST_CASE("an IPv6 datagram cut at each byte", "[malformed]") {
    Shapes shapes;
    const Bytes body = extension(43, 2) + extension(44, 1) + fragment(17, 1) + udp({.length = 12}, text("abcd"));
    REQUIRE(body.size() == 16 + 8 + 8 + 12);
    const Conditions good{"ip6", "ip.src == 2001:db8::7", "ip.dst == 2001:db8::1", "ip.ttl == 64", "ip.has_options"};
    for (int length = 0; length <= 60; ++length) {
        const Bytes frame = eth(0x86dd) + ip6({.length = length, .next = 0}, body) + Bytes(9, 'p');
        const std::string about = fmt::format("payload length {}", length);
        if (length > 44 + 9) {
            shapes.add(about, frame, is("malformed") + kEthFields, is("ip") + kL4Names + kPayloadNames);
        } else if (length < 32) {  // within an extension header: the fragment fields say what was read before it
            shapes.add(about, frame, good + is("malformed") + is(fmt::format("ip.len == {}", length + 40)),
                       kL4Names + kPayloadNames + Conditions{"ip.proto >= 0", "ip.is_fragment", "ip.mf", "ip.id >= 0"});
        } else if (length < 32 + 8) {  // within UDP's header
            shapes.add(about, frame,
                       good + Conditions{"malformed", "ip.proto == 17", "ip.is_fragment", "ip.mf",
                                         "ip.frag_offset == 0", "ip.id == 0x01020304"},
                       kL4Names + kPayloadNames);
        } else {  // a first fragment: UDP may promise more
            const int left = std::min(length - 40, 4);
            shapes.add(about, frame,
                       good + Conditions{"udp", "udp.len == 12", "ip.mf", fmt::format("payload.len == {}", left)},
                       {"malformed"});
        }
    }
}

TEST_CASE("IPv4 headers that lie", "[malformed]") {
    Shapes shapes;
    const Conditions nothing = is("ip") + is("ip.proto >= 0") + kL4Names + kPayloadNames;
    for (unsigned version = 0; version < 16; ++version) {
        const Bytes frame = eth(0x0800) + ip4({.version_ihl = static_cast<std::uint8_t>(version << 4 | 5)}, tcp({}));
        if (version == 4)
            shapes.add("version 4", frame, kIpFields + kTcpFields, {"malformed"});
        else
            shapes.add(fmt::format("version {}", version), frame, kEthFields + is("malformed"), nothing);
        const Bytes frame6 = eth(0x86dd) + ip6({.first = version << 28}, tcp({}));
        if (version == 6)
            shapes.add("version 6", frame6, is("ip6") + is("tcp"), {"malformed"});
        else
            shapes.add(fmt::format("IPv6, version {}", version), frame6, kEthFields + is("malformed"), nothing);
    }
    const Bytes body = zeros(40) + tcp({});
    for (unsigned words = 0; words < 16; ++words) {
        const Bytes frame = eth(0x0800) + ip4({.version_ihl = static_cast<std::uint8_t>(0x40 | words)}, body);
        const std::string about = fmt::format("{} words of header", words);
        if (words < 5)
            shapes.add(about, frame, kEthFields + is("malformed"), nothing);
        else if (words == 5)
            shapes.add(about, frame, {"malformed", "ip", "ip.proto == 6"},
                       is("ip.has_options") + is("tcp"));  // offset 0 in the zeros
        else if (words == 15)
            shapes.add(about, frame, {"ip.has_options", "tcp.dport == 80"}, {"malformed"});
        else
            shapes.add(about, frame, {"ip.has_options", "malformed"}, kL4Names);
    }
    shapes.add("a header longer than the datagram", eth(0x0800) + ip4({.version_ihl = 0x4f, .total = 40}, tcp({})),
               {"malformed"}, nothing);
    shapes.add("a total length of 0", eth(0x0800) + ip4({.total = 0}, tcp({})), {"malformed"}, nothing);
    shapes.add("a total length one below the header's", eth(0x0800) + ip4({.total = 19}, tcp({})), {"malformed"},
               nothing);
    shapes.add("a total length of the header", eth(0x0800) + ip4({.total = 20, .protocol = 59}, tcp({})),
               {"ip", "payload.len == 0"}, {"malformed"});
    shapes.add("one byte more than the frame", eth(0x0800) + ip4({.total = 41}, tcp({})), {"malformed"}, nothing);
    shapes.add("65535 bytes", eth(0x0800) + ip4({.total = 65535}, tcp({})), {"malformed"}, nothing);
    shapes.add("an EtherType of IPv6 with IPv4", eth(0x86dd) + ip4({}, tcp({})), {"malformed", "eth.type == 0x86dd"},
               nothing);
}

TEST_CASE("TCP data offsets", "[malformed]") {
    Shapes shapes;
    for (int words = 0; words < 16; ++words) {
        for (const Bytes& frame :
             {in4(6, tcp({.offset = words}, zeros(12))), in6(6, tcp({.offset = words}, zeros(12)))}) {
            const std::string about = fmt::format("data offset {}", words);
            if (words < 5 || words > 8)
                shapes.add(about, frame, {"ip", "ip.proto == 6", "malformed"},
                           kL4Names + kPayloadNames + is("tcp.header_len >= 0"));
            else
                shapes.add(about, frame,
                           {"tcp", fmt::format("tcp.header_len == {}", words * 4),
                            fmt::format("payload.len == {}", 32 - words * 4)},
                           {"malformed"});
        }
    }
}

TEST_CASE("TCP options, for the segment size", "[malformed]") {
    Shapes shapes;
    const auto with = [](const char* options) {
        const Bytes bytes = hex(options);
        return tcp4({.options = bytes + zeros((4 - bytes.size() % 4) % 4)}, text("x"));
    };
    for (const char* found : {"020405b4", "01 020405b4", "0303 07 020405b4", "01010101 020405b4", "02 03 aa 020405b4",
                              "080a 0000000000000000 020405b4", "020405b4 02040001", "0105 0204 05b4 0000 0204 05b4",
                              "1e22 0000000000000000000000000000000000000000000000000000000000000000 020405b4"})
        if (std::string(found).rfind("0105", 0) != 0)
            shapes.add(found, with(found), {"tcp.mss == 1460"}, {"malformed", "tcp.mss == 1"});
    for (const char* missing :
         {"01010101", "00 0204 05b4", "0200 05b4", "0201 05b4", "0205 05b400", "0203 05", "03ff 0204 05b4", "0101 0204",
          "010101 02", "0000 0204 05b4 0000", "03 00 0204 05b4", "fe01 0204 05b4"})
        shapes.add(missing, with(missing), {"tcp", "payload == \"x\""}, {"malformed", "tcp.mss >= 0"});
    // At the very end of the longest header.
    const std::string ones = "010101010101010101010101010101010101010101010101010101010101010101010101";
    shapes.add("36 no-operations", with((ones + "020405b4").c_str()), {"tcp.mss == 1460", "tcp.header_len == 60"},
               {"malformed"});
    shapes.add("the option runs over the header's end", with((ones + "0102 0405").c_str()), {"tcp"},
               {"malformed", "tcp.mss >= 0"});
}

TEST_CASE("UDP lengths", "[malformed]") {
    Shapes shapes;
    for (const int length : {0, 1, 7, 8, 9, 15, 16, 17, 1000, 65535}) {
        const std::string about = fmt::format("UDP length {}", length), size = fmt::format("udp.len == {}", length);
        const Bytes body = udp({.length = length}, text("abcdefgh"));
        const Bytes plain4 = in4(17, body), plain6 = in6(17, body);
        const Bytes first4 = eth(0x0800) + ip4({.fragment = 0x2000, .protocol = 17}, body),
                    first6 = in6(44, fragment(17, 1) + body);
        const Bytes atomic6 = in6(44, fragment(17, 0) + body),
                    last4 = eth(0x0800) + ip4({.fragment = 0x4000, .protocol = 17}, body);
        const bool short_of = length < 8, beyond = length > 16;
        for (const Bytes& frame : {plain4, plain6, first4, first6, atomic6, last4}) {
            const bool first = frame == first4 || frame == first6;
            if (short_of || (beyond && !first))
                shapes.add(about, frame, {"malformed", "ip", "ip.proto == 17"}, kL4Names + kPayloadNames);
            else
                shapes.add(about, frame, {"udp", size, fmt::format("payload.len == {}", beyond ? 8 : length - 8)},
                           {"malformed"});
        }
    }
    shapes.add("behind UDP's length", in4(17, udp({.length = 10}, text("abcdefgh"))),
               {"payload == \"ab\"", "payload ends_with \"b\""}, {"payload contains \"c\""});
}

TEST_CASE("short SCTP, ICMP and ICMPv6", "[malformed]") {
    Shapes shapes;
    for (std::size_t bytes = 0; bytes <= 14; ++bytes) {
        const Bytes body = counting(bytes, 8);
        const std::string about = fmt::format("{} bytes", bytes);
        const auto check = [&](const Bytes& frame, const char* name, std::size_t header) {
            if (bytes < header)
                shapes.add(about, frame, {"malformed", "ip"}, kL4Names + kPayloadNames);
            else
                shapes.add(about, frame, {name, fmt::format("payload.len == {}", bytes - header)}, {"malformed"});
        };
        check(in4(132, body), "sctp", 12);
        check(in6(132, body), "sctp", 12);
        check(in4(1, body), "icmp", 8);
        check(in6(58, body), "icmp6", 8);
        // The other version's ICMP is a protocol like any other.
        for (const Bytes& frame : {in4(58, body), in6(1, body), in4(51, body), in4(50, body), in4(44, body),
                                   in6(50, body), in6(59, body), in6(255, body)})
            shapes.add(about, frame, {"ip", fmt::format("payload.len == {}", bytes)}, kL4Names + is("malformed"));
    }
}

TEST_CASE("VLAN tags", "[malformed]") {
    Shapes shapes;
    const Bytes inside = ip4({}, tcp({}));
    constexpr std::uint16_t kTypes[] = {0x8100, 0x88a8, 0x9100};
    unsigned mixes = 1;
    for (unsigned tags = 0; tags <= 3; ++tags, mixes *= 3) {
        for (unsigned mix = 0; mix < mixes; ++mix) {
            Bytes frame = macs();
            for (unsigned i = 0, kind = mix; i < tags; ++i, kind /= 3)
                frame = frame + tag(kTypes[kind % 3], static_cast<std::uint16_t>(i == 0 ? 0xa123 : 0x2345));
            frame = frame + be16(0x0800) + inside;
            const std::string about = fmt::format("{} tags, mix {}", tags, mix),
                              depth = fmt::format("vlan.depth == {}", std::min(tags, 2u));
            const Conditions outer{"vlan", "vlan.id == 0x123", "vlan.pcp == 5"},
                names{"vlan", "vlan.id >= 0", "vlan.pcp >= 0"};
            if (tags == 0)
                shapes.add(about, frame, kTcpFields + is(depth) + is("eth.type == 0x0800"), names + is("malformed"));
            else if (tags < 3)
                shapes.add(about, frame, kTcpFields + outer + is(depth) + is("eth.type == 0x0800"), {"malformed"});
            else
                shapes.add(about, frame, kEthFields + outer + is(depth) + is("malformed"),
                           is("eth.type >= 0") + is("ip") + kL4Names);
            for (std::size_t bytes = 14; bytes < 14 + 4 * tags; ++bytes) {  // cut within the tags
                const std::size_t read = std::min<std::size_t>((bytes - 14) / 4, 2);
                shapes.add(about + ", cut", cut(frame, bytes),
                           kEthFields + is("malformed") + is(fmt::format("vlan.depth == {}", read)) +
                               (read > 0 ? outer : Conditions{}),
                           Conditions{"eth.type >= 0", "ip"} + (read == 0 ? names : Conditions{}));
            }
        }
    }
    shapes.add("a tag and nothing", macs() + tag(0x8100, 7) + be16(0x0800),
               {"malformed", "eth.type == 0x0800", "vlan.id == 7"}, {"ip"});
    const Bytes whole_arp = arp();
    shapes.add("a tag before ARP", macs() + tag(0x8100, 7) + Bytes(whole_arp.begin() + 12, whole_arp.end()),
               {"arp", "vlan", "arp.sender_ip == 198.51.100.7"}, {"malformed"});
    shapes.add("a tag before a length", macs() + tag(0x88a8, 7) + be16(46) + zeros(46),
               {"eth.type == 46", "vlan.depth == 1"}, {"malformed", "ip", "arp"});
    for (const unsigned other : {0x9000u, 0x9101u, 0x9200u, 0x9300u})
        shapes.add("no tag", macs() + be16(other) + be16(7) + be16(0x0800) + inside,
                   {fmt::format("eth.type == {}", other), "vlan.depth == 0"}, {"malformed", "ip", "vlan"});
}

TEST_CASE("802.3 lengths and other EtherTypes", "[malformed]") {
    Shapes shapes;
    for (const unsigned type :
         {0u, 1u, 46u, 0x05dcu, 1535u, 1536u, 0x0801u, 0x0805u, 0x0807u, 0x86dcu, 0x86deu, 0xffffu}) {
        for (const Bytes& behind : {Bytes{}, ip4({}, tcp({})), zeros(46)})
            shapes.add(fmt::format("EtherType {}", type), eth(static_cast<std::uint16_t>(type)) + behind,
                       kEthFields + is(fmt::format("eth.type == {}", type)),
                       is("malformed") + is("ip") + is("arp") + kL4Names + kPayloadNames);
    }
    const Bytes jumbo = in4(17, udp({}, Bytes(3300, 'j')));
    shapes.add("a jumbo frame", jumbo, {"udp", "payload.len == 3300", "payload ends_with \"jj\"", "packet.len == 3342"},
               {"malformed"});
    const Bytes larger = in4(17, udp({}, Bytes(8958, 'j') + text("end")));
    shapes.add("a frame of 9,003 bytes", larger, {"udp", "payload.len == 8961", "payload ends_with \"jend\""},
               {"malformed"});
    const Bytes largest = in4(17, udp({}, Bytes(65507 - 3, 'j') + text("end")));
    shapes.add("the largest IPv4 datagram", largest,
               {"udp.len == 65515", "ip.len == 65535", "payload.len == 65507", "payload ends_with \"jend\""},
               {"malformed"});
    const Bytes largest6 = in6(17, udp({}, Bytes(65527 - 3, 'j') + text("end")));
    shapes.add("the largest IPv6 datagram", largest6,
               {"udp.len == 65535", "payload.len == 65527", "payload ends_with \"end\"", "ip.len >= 65535"},
               {"malformed"});
}

TEST_CASE("ARP", "[malformed]") {
    Shapes shapes;
    const Bytes whole = arp();
    const Conditions names{"arp", "arp.op >= 0", "arp.sender_ip in 0.0.0.0/0", "arp.target_ip in 0.0.0.0/0"};
    for (std::size_t bytes = 14; bytes <= whole.size(); ++bytes) {
        const Bytes frame = cut(whole, bytes);
        if (bytes < 42)
            shapes.add(fmt::format("{} bytes of ARP", bytes - 14), frame, {"malformed", "eth.type == 0x0806"}, names);
        else
            shapes.add("the whole", frame,
                       {"arp", "arp.op == 1", "arp.sender_ip == 198.51.100.7", "arp.target_ip == 192.0.2.1"},
                       {"malformed", "ip"});
    }
    shapes.add("padded", whole + zeros(18), {"arp", "arp.sender_ip == 198.51.100.7"}, {"malformed"});
    for (const char* other :
         {"0006080006040002", "0001080106040002", "0001080008040002", "0001080006100002", "000186dd06100002"}) {
        for (const std::size_t bytes : {0, 1, 7, 8, 9, 20, 27, 28}) {
            const Bytes frame = eth(0x0806) + cut(hex(other) + zeros(20), bytes);
            if (bytes < 8)
                shapes.add(other, frame, {"malformed"}, names);
            else
                shapes.add(other, frame, {"arp", "arp.op == 2"},
                           {"malformed", "arp.sender_ip in 0.0.0.0/0", "arp.target_ip not in 10.0.0.0/8"});
        }
    }
}
