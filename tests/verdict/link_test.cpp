// PPPoE sessions and MPLS labels, as docs/language.md reads them: IP behind them, cut at each byte, and what
// contradicts itself there.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "tests/support/table.h"

using namespace weir;
using namespace weir::tests;

namespace {

using Conditions = std::vector<std::string>;

std::vector<Row> rows;
void add(const std::string& about, const Bytes& frame, const Conditions& yes, const Conditions& no) {
    for (const std::string& condition : yes) rows.push_back({condition, frame, true, about});
    for (const std::string& condition : no) rows.push_back({condition, frame, false, about});
}
void check() {
    check_rows(rows);
    rows.clear();
}

Bytes session(const Pppoe& header, const Bytes& body) { return eth(0x8864) + pppoe(header, body); }
Bytes labels(std::size_t count) {
    Bytes made;
    for (std::size_t i = 0; i < count; ++i)
        made = made + label(static_cast<std::uint32_t>(100 + i), i + 1 == count ? Stack::kBottom : Stack::kGoesOn);
    return made;
}

const Bytes kInside4 = ip4({}, tcp({}, text("abcd"))), kInside6 = ip6({}, tcp({}, text("abcd")));
const Conditions kTcp{"ip", "tcp.dport == 80", "port.src == 4000", "ip.proto == 6", "payload == \"abcd\""};
const Conditions kNoIp{"ip", "tcp", "port.dst >= 0", "payload.len >= 0", "ip.proto >= 0", "arp"};

Conditions operator+(Conditions a, const Conditions& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

}  // namespace

TEST_CASE("IP in a PPPoE session", "[malformed]") {
    const Conditions type{"pppoe", "eth.type == pppoe", "eth.type == 0x8864"};
    add("IPv4", session({}, kInside4), kTcp + type + Conditions{"ip4", "ip.src == 198.51.100.7"},
        {"malformed", "mpls", "ip6", "vlan"});
    add("IPv6", session({.ppp = be16(0x57)}, kInside6), kTcp + type + Conditions{"ip6", "ip.src == 2001:db8::7"},
        {"malformed", "mpls", "ip4"});
    add("IPv4, its PPP number compressed", session({.ppp = hex("21")}, kInside4), kTcp + type, {"malformed"});
    add("IPv6, its PPP number compressed", session({.ppp = hex("57")}, kInside6), kTcp + type, {"malformed"});
    add("behind two tags", macs() + tag(0x88a8, 5) + tag(0x8100, 6) + be16(0x8864) + pppoe({}, kInside4),
        kTcp + type + Conditions{"vlan.id == 5", "vlan.depth == 2"}, {"malformed"});
    add("ARP's number is none of PPP", session({.ppp = be16(0x0806)}, Bytes(28, 0)), type, kNoIp);
    for (const char* other : {"c021", "8021", "8057", "0281", "0023", "0055", "c223", "0000", "2000", "23", "ff"})
        add(fmt::format("PPP number {}", other), session({.ppp = hex(other)}, kInside4), type,
            kNoIp + Conditions{"malformed"});
    add("a compressed number, and what IPv4 begins with is none", session({.ppp = hex("2100")}, kInside4),
        type + Conditions{"malformed"}, kNoIp);
    add("discovery", eth(0x8863) + pppoe({.version_type_code = 0x1109}, kInside4), {"eth.type == pppoe_discovery"},
        kNoIp + Conditions{"malformed", "pppoe"});
    add("the other version's number", session({.ppp = be16(0x57)}, kInside4), type + Conditions{"malformed"}, kNoIp);
    add("the other version's number", session({.ppp = be16(0x21)}, kInside6), type + Conditions{"malformed"}, kNoIp);
    add("padding behind the session", session({}, kInside4) + Bytes(9, 'p'), kTcp + type, {"malformed"});
    add("padding behind the datagram", session({}, kInside4 + Bytes(9, 'p')), kTcp + type, {"malformed"});
    check();
}

TEST_CASE("PPPoE headers that lie", "[malformed]") {
    const Conditions lies{"malformed", "eth.type == pppoe"}, nothing = kNoIp + Conditions{"pppoe"};
    for (unsigned bit = 0; bit < 16; ++bit) {
        const auto word = static_cast<std::uint16_t>(0x1100u ^ 1u << bit);
        add(fmt::format("version, type and code {:04x}", word), session({.version_type_code = word}, kInside4), lies,
            nothing);
    }
    const int whole = static_cast<int>(2 + kInside4.size());
    for (int length = 0; length <= whole + 12; ++length) {
        const Bytes frame = session({.length = length}, kInside4) + Bytes(9, 'p');
        const std::string about = fmt::format("length {}", length);
        if (length < 2 || length > whole + 9)
            add(about, frame, lies, nothing);
        else if (length < whole)  // the datagram's length is beyond the session's
            add(about, frame, lies + Conditions{"pppoe"}, kNoIp);
        else
            add(about, frame, kTcp + Conditions{"pppoe"}, {"malformed"});
    }
    for (int length = 0; length <= 3; ++length) {  // of a number of one byte, and of what is no IP
        const Bytes compressed = session({.length = length, .ppp = hex("21")}, Bytes(2, 'p'));
        if (length == 0)
            add("no number", compressed, lies, nothing);
        else
            add("a compressed number", compressed, {"pppoe", "malformed"}, kNoIp);
        const Bytes echo = session({.length = length, .ppp = hex("c021")}, Bytes(1, 'p'));
        if (length < 2)
            add("half a number", echo, lies, nothing);
        else
            add("a number and nothing", echo, {"pppoe"}, kNoIp + Conditions{"malformed"});
    }
    const Bytes frame = session({}, kInside4);
    for (std::size_t bytes = 14; bytes < frame.size(); ++bytes)
        add(fmt::format("the first {} bytes", bytes), cut(frame, bytes), lies, nothing);
    const Bytes frame6 = session({.ppp = hex("57")}, kInside6);
    for (std::size_t bytes = 14; bytes < frame6.size(); ++bytes)
        add(fmt::format("the first {} bytes, IPv6", bytes), cut(frame6, bytes), lies, nothing);
    check();
}

TEST_CASE("IP behind MPLS labels", "[malformed]") {
    for (const std::uint16_t type : {std::uint16_t{0x8847}, std::uint16_t{0x8848}}) {
        const std::string eth_type = fmt::format("eth.type == {}", type);
        for (std::size_t count = 1; count <= 6; ++count) {
            const std::string about = fmt::format("{} labels", count);
            const Bytes frame4 = eth(type) + labels(count) + kInside4, frame6 = eth(type) + labels(count) + kInside6;
            if (count > 4) {
                for (const Bytes& frame : {frame4, frame6})
                    add(about, frame, {"mpls", "malformed", eth_type}, kNoIp + Conditions{"pppoe"});
                continue;
            }
            add(about, frame4, kTcp + Conditions{"mpls", "ip4", eth_type}, {"malformed", "pppoe", "ip6"});
            add(about, frame6, kTcp + Conditions{"mpls", "ip6", eth_type}, {"malformed", "pppoe", "ip4"});
            for (std::size_t bytes = 14; bytes < frame4.size(); ++bytes) {
                // Cut within the labels, right behind them (where nothing says that more comes), within the datagram.
                const std::size_t bottom = 14 + 4 * count;
                Conditions yes{eth_type}, no = kNoIp;
                (bytes >= 18 ? yes : no).push_back("mpls");
                (bytes == bottom ? no : yes).push_back("malformed");
                add(fmt::format("{}, the first {} bytes", about, bytes), cut(frame4, bytes), yes, no);
            }
        }
        for (unsigned nibble = 0; nibble < 16; ++nibble) {
            const auto first = static_cast<std::uint8_t>(nibble << 4 | 5);
            const Bytes frame = eth(type) + labels(2) + patched(kInside4, 0, {first});
            const std::string about = fmt::format("nibble {}", nibble);
            if (nibble == 4)
                add(about, frame, kTcp, {"malformed"});
            else if (nibble == 6)  // IPv4's fields make no IPv6 header that fits
                add(about, frame, {"mpls", "malformed"}, kNoIp);
            else
                add(about, frame, {"mpls"}, kNoIp + Conditions{"malformed"});
        }
        add("behind a tag", macs() + tag(0x9100, 5) + be16(type) + labels(1) + kInside4,
            kTcp + Conditions{"mpls", "vlan.id == 5"}, {"malformed"});
        add("padded", eth(type) + labels(1) + kInside4 + Bytes(9, 'p'), kTcp, {"malformed"});
        add("no label at the bottom", eth(type) + label(16, Stack::kGoesOn), {"mpls", "malformed"}, kNoIp);
        for (const std::uint32_t number : {0u, 2u, 3u, 0xfffffu})  // explicit null and others: the nibble says
            add("explicit null", eth(type) + label(number) + kInside4, kTcp + Conditions{"ip4"}, {"malformed"});
    }
    add("MPLS in PPPoE is not walked", session({.ppp = be16(0x0281)}, labels(1) + kInside4), {"pppoe"},
        kNoIp + Conditions{"mpls", "malformed"});
    add("PPPoE in MPLS is not walked", eth(0x8847) + labels(1) + pppoe({}, kInside4), {"mpls"},
        kNoIp + Conditions{"pppoe", "malformed"});
    check();
}

TEST_CASE("extension headers and fragments behind PPPoE and MPLS", "[malformed]") {
    const Bytes chain = extension(44) + fragment(60, 0) + extension(6) + tcp({}, text("abcd"));
    for (const Bytes& front :
         {eth(0x8864) + be16(0x1100) + be16(7) + be16(2 + 40 + chain.size()) + be16(0x57), eth(0x8847) + label(100)}) {
        const Bytes frame = front + ip6({.next = 0}, chain);
        add("a chain", frame, kTcp + Conditions{"ip6.hop_by_hop", "ip6.fragment", "ip6.destination"},
            {"malformed", "ip6.routing"});
        for (std::size_t bytes = front.size(); bytes < frame.size(); ++bytes)
            if (bytes > front.size() || front.size() != 18)
                add(fmt::format("a chain, the first {} bytes", bytes), cut(frame, bytes), {"malformed"}, kNoIp);
    }
    const Bytes later = ip4({.fragment = 9}, zeros(3));
    add("a later fragment", session({}, later), {"pppoe", "ip.frag_offset == 72", "ip.proto == 6"},
        {"malformed", "tcp", "payload.len >= 0"});
    check();
}

TEST_CASE("extension headers that were met", "[malformed]") {
    struct Kind {
        std::uint8_t number;
        const char* field;
    };
    constexpr Kind kKinds[] = {
        {0, "ip6.hop_by_hop"}, {43, "ip6.routing"}, {44, "ip6.fragment"}, {60, "ip6.destination"}};
    constexpr std::uint8_t kNumbers[] = {0, 43, 44, 51, 60, 135, 139, 140};
    for (const std::uint8_t number : kNumbers) {
        const Bytes header = number == 44 ? fragment(17, 0) : number == 51 ? authentication(17, 8) : extension(17);
        const Bytes frame = in6(number, header + udp({}));
        for (const Kind& kind : kKinds) {
            (kind.number == number ? add("one", frame, {kind.field, "udp"}, {"malformed"})
                                   : add("one", frame, {"ip6"}, {kind.field}));
            for (std::size_t bytes = 0; bytes < 8; ++bytes)  // cut short it was not met
                add("one, cut", in6(number, cut(header, bytes)), {"malformed", "ip.has_options"}, {kind.field});
        }
    }
    // Those before the header at fault, and none after it.
    const Bytes chain = extension(43) + patched(extension(60), 2, {9}) + cut(extension(44), 7);
    add("a fault in the third", in6(0, chain), {"malformed", "ip6.hop_by_hop", "ip6.routing", "ip6.routing_type == 9"},
        {"ip6.destination", "ip6.fragment", "ip.proto >= 0"});
    add("a ninth header",
        in6(0, extension(43) + extension(60) + extension(60) + extension(60) + extension(60) + extension(60) +
                   extension(60) + extension(44) + fragment(17, 0)),
        {"malformed", "ip6.hop_by_hop", "ip6.routing", "ip6.destination"}, {"ip6.fragment"});
    add("behind a later fragment", in6(60, extension(44) + fragment(43, 8) + extension(0)),
        {"ip6.fragment", "ip6.destination", "ip.proto == 43"}, {"malformed", "ip6.routing"});
    // The first Routing header's type.
    for (const unsigned type : {0u, 1u, 2u, 3u, 4u, 253u, 255u}) {
        const Bytes first = patched(extension(43), 2, {static_cast<std::uint8_t>(type)}),
                    second = patched(extension(17), 2, {static_cast<std::uint8_t>(type ^ 0x55)});
        add("two Routing headers", eth(0x86dd) + ip6({.first = 0x60012345, .next = 43}, first + second + udp({})),
            {"udp", fmt::format("ip6.routing_type == {}", type), "ip6.flow_label == 0x12345"}, {"malformed"});
    }
    for (const char* field : {"ip6.hop_by_hop", "ip6.routing", "ip6.fragment", "ip6.destination"})
        for (const Bytes& frame : {udp4(), in4(43, extension(17)), in4(60, extension(17)), in4(44, fragment(17, 0)),
                                   arp(), udp6(), in6(59, extension(60)), in6(50, extension(60))})
            add("none", frame, {"not malformed"}, {field, "ip6.routing_type >= 0"});
    check();
}

TEST_CASE("source routes of IPv4", "[malformed]") {
    const auto with = [](const char* options) {
        Bytes bytes = hex(options);
        bytes.resize((bytes.size() + 3) / 4 * 4);
        return eth(0x0800) +
               ip4({.version_ihl = static_cast<std::uint8_t>(0x45 + bytes.size() / 4), .options = bytes}, tcp({}));
    };
    for (const char* found :
         {"830704c0000201", "890704c0000201", "01010183 0704c0000201", "9404000089 0704c0000201", "8302", "0183030401",
          "0707040000000083 0704c0000201", "44080500000000008903 04", "830704c0000201 05ff"})
        add(found, with(found), {"ip4.source_route", "tcp.dport == 80", "ip.has_options"}, {"malformed"});
    for (const char* none : {"01010101", "00830704c0000201", "9404000000 890704c0000201", "8300", "8301",
                             "830904c0000201", "0600830704c00002", "94018303040000", "01010183", "07ff83030400",
                             "030304 00", "09030400", "0b030400", "8b030400"})
        add(none, with(none), {"ip4", "tcp.dport == 80", "ip.has_options"}, {"malformed", "ip4.source_route"});
    std::string at_the_end;
    for (int i = 0; i < 37; ++i) at_the_end += "01";
    add("at the very end", with((at_the_end + "830304").c_str()), {"ip4.source_route", "tcp"}, {"malformed"});
    add("over the very end", with((at_the_end + "830404").c_str()), {"tcp"}, {"malformed", "ip4.source_route"});
    for (const Bytes& frame : {udp4(), udp6(), arp(), in6(43, extension(17) + udp({}))})
        add("without options", frame, {"not malformed"}, {"ip4.source_route"});
    // The header is at fault: nothing of it is there.
    add("a datagram cut within its options",
        eth(0x0800) + ip4({.version_ihl = 0x47, .total = 24, .options = hex("830704c000020100")}, {}), {"malformed"},
        {"ip4.source_route", "ip"});
    add("of a later fragment",
        eth(0x0800) + ip4({.version_ihl = 0x47, .fragment = 9, .options = hex("830704c000020100")}, {}),
        {"ip4.source_route", "ip.is_fragment"}, {"malformed"});
    check();
}
