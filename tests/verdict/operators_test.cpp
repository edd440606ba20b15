// Payload operators, sets of every type, tuples, lets and functions, on packets at their boundaries.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "tests/support/table.h"

using namespace weir;
using namespace weir::tests;

namespace {

Row row(std::string condition, const Bytes& frame, bool expected) {
    return {std::move(condition), frame, expected, {}};
}
std::string quoted(std::size_t bytes, char c) { return "\"" + std::string(bytes, c) + "\""; }

}  // namespace

TEST_CASE("payload contains, across byte 512", "[operators]") {
    std::vector<Row> rows;
    for (const std::size_t length : {1u, 2u, 3u, 8u, 63u, 64u}) {
        std::string needle = std::string(length - 1, 'a') + "b";
        const std::string condition = "payload contains \"" + needle + "\"";
        for (const std::size_t at : {std::size_t{0}, std::size_t{1}, 511 - length, 512 - length, 513 - length,
                                     std::size_t{511}, std::size_t{512}, std::size_t{600}}) {
            const Bytes frame = udp4({}, Bytes(at, 'x') + text(needle) + Bytes(9, 'y'));
            rows.push_back(row(condition, frame, at + length <= 512));
            rows.push_back(row("payload contains hex\"" + to_hex(text(needle)) + "\"",
                               tcp6({}, Bytes(at, 'x') + text(needle)), at + length <= 512));
        }
        rows.push_back(row(condition, udp4({}, text(needle)), true));
        rows.push_back(row(condition, udp4({}, cut(text(needle), length - 1)), false));
        rows.push_back(row(condition, udp4(), false));
        rows.push_back(row("not " + condition, udp4(), true));
    }
    // Literals that begin like themselves.
    for (const char* needle : {"aab", "abab", "aaaa", "abcabd"})
        for (const char* hay : {"aaab", "aab", "ababab", "abaabab", "aaaaa", "aaa", "abcabcabd", "abcabcab", ""})
            rows.push_back(row(fmt::format("payload contains \"{}\"", needle), udp4({}, text(hay)),
                               std::string(hay).find(needle) != std::string::npos));
    rows.push_back(row("payload contains \"\"", udp4(), true));
    rows.push_back(row("payload contains \"\"", arp(), false));
    rows.push_back(row("payload contains \"AB\"", udp4({}, text("ab")), false));
    rows.push_back(row("payload contains \"\\x00\\xff\"", udp4({}, hex("01 00 ff")), true));
    rows.push_back(
        row("payload contains \"\\x00\"", udp4({}, text("abc")) + zeros(20), false));  // padding is no payload
    check_rows(rows);
}

TEST_CASE("payload ==, starts_with, ends_with", "[operators]") {
    std::vector<Row> rows;
    for (const std::size_t length : {0u, 1u, 2u, 63u, 64u}) {
        const std::string same = quoted(length, 'a'), longer = std::string(length + 1, 'a');
        for (const bool six : {false, true}) {
            const auto frame = [&](const Bytes& payload) { return six ? tcp6({}, payload) : udp4({}, payload); };
            rows.push_back(row("payload == " + same, frame(Bytes(length, 'a')), true));
            rows.push_back(row("payload != " + same, frame(Bytes(length, 'a')), false));
            rows.push_back(row("payload == " + same, frame(text(longer)), false));
            rows.push_back(row("payload != " + same, frame(text(longer)), true));
            rows.push_back(row("payload in { " + same + ", \"other\" }", frame(Bytes(length, 'a')), true));
            rows.push_back(row("payload not in { " + same + ", \"other\" }", frame(Bytes(length, 'a')), false));
            rows.push_back(row("payload not in { " + same + ", \"other\" }", frame(text("another")), true));
            rows.push_back(row("payload starts_with " + same, frame(Bytes(length, 'a') + text("zz")), true));
            rows.push_back(row("payload ends_with " + same, frame(text("zz") + Bytes(length, 'a')), true));
            if (length == 0) continue;
            rows.push_back(row("payload == " + same, frame(Bytes(length - 1, 'a')), false));
            rows.push_back(row("payload == " + same, frame(Bytes(length - 1, 'a') + text("b")), false));
            rows.push_back(row("payload starts_with " + same, frame(Bytes(length - 1, 'a')), false));
            rows.push_back(row("payload starts_with " + same, frame(Bytes(length - 1, 'a') + text("b")), false));
            rows.push_back(row("payload starts_with " + same, frame(text("z") + Bytes(length, 'a')), false));
            rows.push_back(row("payload ends_with " + same, frame(Bytes(length - 1, 'a')), false));
            rows.push_back(row("payload ends_with " + same, frame(Bytes(length, 'a') + text("z")), false));
            rows.push_back(row("payload ends_with " + same, frame(text("b") + Bytes(length - 1, 'a')), false));
        }
    }
    // The end is the datagram's, wherever it is in the frame.
    rows.push_back(row("payload ends_with \"end\"", udp4({}, Bytes(1400, 'x') + text("end")) + text("padding"), true));
    rows.push_back(row("payload ends_with \"padding\"", udp4({}, text("end")) + text("padding"), false));
    rows.push_back(row("payload starts_with hex\"0102\"", in4(99, hex("010203")), true));
    check_rows(rows);
}

TEST_CASE("slices, at their limits", "[operators]") {
    std::vector<Row> rows;
    const auto slice = [&](std::size_t offset, std::size_t length) {
        const Bytes payload = counting(offset + length);
        const Bytes wanted(payload.begin() + static_cast<std::ptrdiff_t>(offset), payload.end());
        const std::string place = fmt::format("payload[{}:{}]", offset, length),
                          literal = "hex\"" + to_hex(wanted) + "\"";
        Bytes other = wanted;
        other.back() ^= 1;
        const std::string other_literal = "hex\"" + to_hex(other) + "\"";
        const Bytes exact = udp4({}, payload), longer = tcp6({}, payload + text("more")),
                    shorter = udp4({}, cut(payload, payload.size() - 1));
        for (const Bytes& frame : {exact, longer}) {
            rows.push_back(row(place + " == " + literal, frame, true));
            rows.push_back(row(place + " != " + literal, frame, false));
            rows.push_back(row(place + " == " + other_literal, frame, false));
            rows.push_back(row(place + " != " + other_literal, frame, true));
            rows.push_back(row(place + " in { " + other_literal + ", " + literal + " }", frame, true));
            rows.push_back(row(place + " not in { " + other_literal + ", " + literal + " }", frame, false));
            rows.push_back(row(place + " not in { " + other_literal + " }", frame, true));
        }
        for (const char* op : {" == ", " != "}) {
            rows.push_back(row(place + op + literal, shorter, false));  // absent
            rows.push_back(row(place + op + literal, arp(), false));
        }
        rows.push_back(row(place + " not in { " + other_literal + " }", shorter, false));
    };
    for (const std::size_t length : {1u, 2u, 4u, 63u, 64u})
        for (const std::size_t offset :
             {std::size_t{0}, std::size_t{1}, std::size_t{511}, 1023 - length, 1024 - length})
            slice(offset, length);
    check_rows(rows);
    for (const char* refused : {"payload[0:65] == \"a\"", "payload[0:0] == \"\"", "payload[961:64] == \"a\"",
                                "payload[1024:1] == \"a\"", "payload[0:2] == \"abc\"", "payload[0:2] == \"a\""})
        CHECK(analysed(fmt::format("rule a {{ when {} then drop }}", refused)).has(Code::E328));
    CHECK(analysed("rule a { when payload contains " + quoted(65, 'a') + " then drop }").has(Code::E328));
    CHECK(analysed("rule a { when payload starts_with " + quoted(65, 'a') + " then drop }").has(Code::E328));
}

namespace {
FileTexts set_files() {
    return {
        {"ips", "# addresses\n192.0.2.1\n 2001:db8::7 # one\n\n0.0.0.0\r\n198.51.100.7\n"},
        {"nets", "198.51.100.0/24\n198.51.100.7\n2001:db8::/126\n10.0.0.0/8\n::/128\n"},
        {"all", "0.0.0.0/0\n"},
        {"all6", "::/0\n"},
        {"ports", "80\n0\n0xffff\n4000\n"},
        {"macs", "02:00:00:00:00:01\nff:ff:ff:ff:ff:ff\n00:00:00:00:00:00\n"},
        {"bytes", "0\n255\n64\n"},
        {"shorts", "0\n65535\n1500\n"},
        {"words", "0\n4294967295\n305419896\n"},
        {"pairs", "198.51.100.7, 80\n2001:db8::7,80\n192.0.2.1,4000\n"},
        {"netpairs", "80, 198.51.100.0/24\n80,2001:db8::/64\n81,0.0.0.0/0\n"},
        {"triples", "198.51.100.7,192.0.2.1,6\n"},
        {"wide", "02:00:00:00:00:01,198.51.100.7,192.0.2.1,17\n"},
        {"three", "198.51.100.7,192.0.2.1,198.51.100.7\n2001:db8::7,2001:db8::1,2001:db8::7\n"},
        {"none", "# nothing\n"},
    };
}
std::string set_items() {
    return "set ips : ip from \"ips\"\nset nets : net from \"nets\"\nset all : net from \"all\"\nset all6 : net from "
           "\"all6\"\n"
           "set ports : port from \"ports\"\nset macs : mac from \"macs\"\nset bytes : u8 from \"bytes\"\nset shorts : "
           "u16 from \"shorts\"\n"
           "set words : u32 from \"words\"\nset pairs : (ip, port) from \"pairs\"\nset netpairs : (port, net) from "
           "\"netpairs\"\n"
           "set triples : (ip, ip, u8) from \"triples\"\nset wide : (mac, ip, ip, u8) from \"wide\"\nset three : (ip, "
           "ip, ip) from \"three\"\n"
           "set none : ip from \"none\"\nset nonet : net from \"none\"\n";
}
}  // namespace

TEST_CASE("sets of addresses and nets from files", "[operators]") {
    const Bytes t4 = tcp4(), t6 = tcp6(), a = arp();
    std::vector<Row> rows;
    const auto say = [&](const std::string& key, const std::string& set, const Bytes& frame, bool in,
                         bool there = true) {
        rows.push_back(row(key + " in " + set, frame, in && there));
        rows.push_back(row(key + " not in " + set, frame, !in && there));
    };
    say("ip.src", "ips", t4, true);
    say("ip.dst", "ips", t4, true);
    say("ip.src", "ips", t6, true);
    say("ip.dst", "ips", t6, false);
    say("ip.src", "ips", a, false, false);
    say("arp.sender_ip", "ips", a, true);
    say("arp.sender_ip", "ips", t4, false, false);
    say("ip.src", "ips", eth(0x0800) + ip4({.source = zeros(4)}, tcp({})), true);
    say("ip.src", "ips", eth(0x86dd) + ip6({.source = zeros(16)}, tcp({})), false);  // :: is not 0.0.0.0
    say("ip.src", "ips", eth(0x86dd) + ip6({.source = hex("c6336407") + zeros(12)}, tcp({})), false);
    say("ip.src", "nets", t4, true);
    say("ip.dst", "nets", t4, false);
    say("ip.dst", "nets", t6, true);
    say("ip.src", "nets", t6, false);
    say("ip.src", "nets", a, false, false);
    say("arp.sender_ip", "nets", a, true);
    say("arp.target_ip", "nets", a, false);
    say("ip.src", "nets", eth(0x86dd) + ip6({.source = zeros(16)}, tcp({})), true);
    for (const char* key : {"ip.src", "ip.dst"}) {
        say(key, "all", t4, true);
        say(key, "all", t6, false);
        say(key, "all6", t4, false);
        say(key, "all6", t6, true);
        say(key, "none", t4, false);
        say(key, "nonet", t6, false);
    }
    say("arp.target_ip", "all", a, true);
    say("arp.target_ip", "all6", a, false);
    check_rows(rows, set_items(), set_files());
}

TEST_CASE("sets of numbers, MACs and tuples from files", "[operators]") {
    const Bytes t4 = tcp4(), t6 = tcp6(), a = arp();
    std::vector<Row> rows;
    const auto say = [&](const std::string& key, const std::string& set, const Bytes& frame, bool in,
                         bool there = true) {
        rows.push_back(row(key + " in " + set, frame, in && there));
        rows.push_back(row(key + " not in " + set, frame, !in && there));
    };
    say("tcp.dport", "ports", t4, true);
    say("tcp.sport", "ports", tcp4({.source = 1}), false);
    say("port.dst", "ports", tcp6({.destination = 0}), true);
    say("udp.dport", "ports", udp6({.destination = 65535}), true);
    say("udp.dport", "ports", t4, false, false);
    say("eth.src", "macs", a, true);
    say("eth.dst", "macs", a, false);
    say("eth.dst", "macs", patched(a, 0, Bytes(6, 0xff)), true);
    say("eth.dst", "macs", zeros(13), false, false);
    say("ip.ttl", "bytes", t4, true);
    say("ip.proto", "bytes", t4, false);
    say("tcp.flags", "bytes", tcp4({.flags = 255}), true);
    say("ip.dscp", "bytes", t4, true);
    say("tcp.window", "shorts", t4, true);
    say("tcp.mss", "shorts", t4, false, false);
    say("ip.ttl", "shorts", t4, false);
    say("tcp.seq", "words", tcp4({.seq = 0xffffffff}), true);
    say("tcp.seq", "words", tcp4({.seq = 305419896}), true);
    say("tcp.seq", "words", t4, false);
    say("packet.len", "words", t4, false);
    say("(ip.src, tcp.dport)", "pairs", t4, true);
    say("(ip.src, tcp.dport)", "pairs", t6, true);
    say("(ip.dst, tcp.sport)", "pairs", t4, true);
    say("(ip.dst, tcp.dport)", "pairs", t4, false);
    say("(ip.src, tcp.dport)", "pairs", udp4({.destination = 80}), false, false);
    say("(ip.src, port.dst)", "pairs", udp4({.destination = 80}), true);
    say("(arp.sender_ip, port.dst)", "pairs", a, false, false);
    say("(tcp.dport, ip.src)", "netpairs", t4, true);
    say("(tcp.dport, ip.src)", "netpairs", t6, true);
    say("(tcp.dport, ip.dst)", "netpairs", t4, false);
    say("(tcp.dport, ip.dst)", "netpairs", tcp4({.destination = 81}), true);
    say("(tcp.dport, ip.dst)", "netpairs", tcp6({.destination = 81}), false);
    say("(port.dst, ip.src)", "netpairs", a, false, false);
    say("(ip.src, ip.dst, ip.proto)", "triples", t4, true);
    say("(ip.src, ip.dst, ip.proto)", "triples", udp4(), false);
    say("(ip.dst, ip.src, ip.proto)", "triples", t4, false);
    say("(eth.src, ip.src, ip.dst, ip.proto)", "wide", udp4(), true);
    say("(eth.dst, ip.src, ip.dst, ip.proto)", "wide", udp4(), false);
    say("(ip.src, ip.dst, ip.src)", "three", t4, true);
    say("(ip.src, ip.dst, ip.src)", "three", t6, true);
    say("(ip.src, ip.dst, ip.dst)", "three", t6, false);
    check_rows(rows, set_items(), set_files());
}

TEST_CASE("literal sets and tuples", "[operators]") {
    const Bytes t4 = tcp4(), t6 = tcp6(), u4 = udp4();
    std::vector<Row> rows;
    const auto say = [&](const std::string& key, const std::string& set, const Bytes& frame, bool in,
                         bool there = true) {
        rows.push_back(row(key + " in " + set, frame, in && there));
        rows.push_back(row(key + " not in " + set, frame, !in && there));
    };
    say("(ip.src, tcp.dport)", "{ (198.51.100.7, 80), (2001:db8::9, 81) }", t4, true);
    say("(ip.src, tcp.dport)", "{ (198.51.100.7, 81), (2001:db8::9, 80) }", t4, false);
    say("(ip.src, tcp.dport)", "{ (198.51.100.7, 80) }", u4, false, false);
    say("(ip.src, tcp.dport)", "{ (198.51.100.0/24, 80), (2001:db8::/32, 1..65535) }", t4, true);
    say("(ip.src, tcp.dport)", "{ (198.51.100.0/24, 80), (2001:db8::/32, 1..65535) }", t6, true);
    say("(ip.src, tcp.dport)", "{ (198.51.100.0/24, 81), (2001:db8::/32, 81..65535) }", t6, false);
    say("(ip.src, tcp.dport)", "{ (198.51.100.0/24, 80), (2001:db8::/32, 1..65535) }", u4, false, false);
    say("(ip.src, ip.dst)", "{ (198.51.100.7, 192.0.2.1), (198.51.100.7, 2001:db8::1) }", t4, true);
    say("(tcp.flags, tcp.window)", "{ (2, 65535), (2, 0) }", t6, true);
    say("(tcp.flags, tcp.window)", "{ (3, 65535), (2, 0) }", t6, false);
    say("(eth.src, eth.dst)", "{ (02:00:00:00:00:01, 02:00:00:00:00:02) }", arp(), true);
    say("(eth.dst, eth.src)", "{ (02:00:00:00:00:01, 02:00:00:00:00:02) }", arp(), false);
    say("(eth.src, ip.ttl)", "{ (02:00:00:00:00:01, 60..64) }", arp(), false, false);
    say("(eth.src, ip.ttl)", "{ (02:00:00:00:00:01, 60..64) }", t4, true);
    say("tcp.dport", "web", t4, true);
    say("tcp.dport", "{ web, 22 }", tcp4({.destination = 22}), true);
    say("tcp.dport", "{ web, 22 }", tcp4({.destination = 23}), false);
    say("ip.src", "office", t4, true);
    say("ip.src", "office", t6, true);
    say("ip.dst", "office", t6, false);
    say("ip.src", "{ office, 192.0.2.0/24 }", arp(), false, false);
    say("(ip.src, tcp.dport)", "pairs", t4, true);
    say("tcp.sport", "dynamic", t4, false);
    say("tcp.sport", "dynamic", tcp4({.source = 49152}), true);
    rows.push_back(row("new_tcp", t4, true));
    rows.push_back(row("new_tcp", tcp4({.flags = 0x12}), false));
    rows.push_back(row("not new_tcp", u4, true));
    rows.push_back(row("to(198.51.100.7, 80)", t4, false));
    rows.push_back(row("to(192.0.2.1, 80)", t4, true));
    rows.push_back(row("to(192.0.2.1, 53) and not to(192.0.2.1, 80)", u4, true));
    rows.push_back(row("either(port.dst, web)", t4, true));
    rows.push_back(row("either(port.src, web)", t4, false));
    rows.push_back(row("either(ip.ttl, 60..70)", t4, true));
    rows.push_back(row("either(ip.src, office) and same(ip.src, ip.src)", t6, true));
    rows.push_back(row("same(eth.src, eth.dst)", t6, false));
    rows.push_back(row("nested(tcp.dport)", t4, true));
    rows.push_back(row("nested(tcp.sport)", t4, false));
    rows.push_back(row("alias", t4, true));
    rows.push_back(row("flagged & 0x3f == 2", t4, true));

    check_rows(rows,
               "let web = { 80, 443, 8000..8099 }\nlet office = { 198.51.100.0/24, 2001:db8::4/126 }\nlet pairs = { "
               "(198.51.100.7, 80), }\n"
               "let dynamic = 49152..65535\nlet new_tcp = tcp.syn and not tcp.ack\nlet to(host, service) = ip.dst == "
               "host and port.dst == service\n"
               "let either(f, s) = f in s\nlet same(a, b) = a == b\nlet nested(p) = either(p, web) and not either(p, { "
               "81 }) and same(p, p)\n"
               "let alias = new_tcp\nlet flagged = tcp.flags\n");
}

TEST_CASE("field against field", "[operators]") {
    std::vector<Row> rows;
    const Bytes t = tcp4({.source = 80, .destination = 443}), same = tcp4({.source = 80, .destination = 80});
    for (const auto& [op, less, equal] : {std::tuple{"==", false, true},
                                          {"!=", true, false},
                                          {"<", true, false},
                                          {"<=", true, true},
                                          {">", false, false},
                                          {">=", false, true}}) {
        const std::string condition = fmt::format("tcp.sport {} tcp.dport", op);
        rows.push_back(row(condition, t, less));
        rows.push_back(row(condition, same, equal));
        rows.push_back(row(condition, udp4(), false));
        rows.push_back(row(fmt::format("tcp.sport {} udp.dport", op), t, false));
        rows.push_back(row(fmt::format("port.src {} tcp.dport", op), t, less));
        rows.push_back(row(fmt::format("ip.len {} packet.len", op), t, less));
        rows.push_back(row(fmt::format("tcp.flags & 0x0f {} ip.ttl & 0x02", op), t,
                           std::string(op).find('>') == 0 ? true : op[0] == '!'));
    }
    rows.push_back(row("ip.src == ip.dst", udp4(), false));
    rows.push_back(row("ip.src != ip.dst", udp6(), true));
    rows.push_back(row("ip.src == ip.dst", eth(0x0800) + ip4({.source = hex(kDestination4)}, {}),
                       true));  // no TCP: malformed, but the addresses stay
    rows.push_back(row("ip.src == ip.dst", eth(0x86dd) + ip6({.source = hex(kDestination6)}, tcp({})), true));
    rows.push_back(
        row("ip.src == ip.dst", eth(0x86dd) + ip6({.source = patched(hex(kDestination6), 15, {9})}, tcp({})), false));
    rows.push_back(
        row("ip.src == ip.dst", eth(0x86dd) + ip6({.source = patched(hex(kDestination6), 6, {9})}, tcp({})), false));
    rows.push_back(row("ip.src == arp.sender_ip", arp(), false));
    rows.push_back(row("ip.src != arp.sender_ip", udp4(), false));
    rows.push_back(row("arp.sender_ip == arp.target_ip", arp(), false));
    rows.push_back(row("arp.sender_ip != arp.target_ip", arp(), true));
    rows.push_back(
        row("arp.sender_ip == arp.target_ip", arp({.back = "020000000001c6336407000000000000c6336407"}), true));
    rows.push_back(row("tcp.syn == tcp.ack", tcp4({.flags = 0}), true));
    rows.push_back(row("tcp.syn == tcp.ack", tcp4({.flags = 0x12}), true));
    rows.push_back(row("tcp.syn == tcp.ack", tcp4({.flags = 0x10}), false));
    rows.push_back(row("tcp.syn != tcp.ack", tcp4({.flags = 0x10}), true));
    rows.push_back(row("tcp.syn != tcp.ack", udp4(), false));
    rows.push_back(row("ip.mf == ip.df", eth(0x0800) + ip4({.fragment = 0x6000}, tcp({})), true));
    rows.push_back(row("ip.mf != ip.df", udp6(), false));
    rows.push_back(row("malformed == ip.mf", udp4(), true));
    rows.push_back(row("tcp == udp", udp4(), false));
    rows.push_back(row("ip == udp", udp4(), true));
    rows.push_back(row("payload.len == udp.len", udp4(), false));
    rows.push_back(row("len(payload) < udp.len", udp4(), true));
    rows.push_back(row("len(payload) == payload.len", udp4({}, text("abc")), true));
    rows.push_back(row("len(payload) == 3", udp4({}, text("abc")), true));
    rows.push_back(row("len(payload) & 1 == 1", udp4({}, text("abc")), true));
    check_rows(rows);
}

TEST_CASE("or, and, not: from the loosest to the tightest", "[operators]") {
    // Three conditions that a TCP segment's flags make true at will.
    std::vector<Row> rows;
    for (unsigned bits = 0; bits < 8; ++bits) {
        const bool a = (bits & 1) != 0, b = (bits & 2) != 0, c = (bits & 4) != 0;  // fin, syn, rst
        const Bytes frame = tcp4({.flags = static_cast<std::uint8_t>(bits)});
        rows.push_back(row("tcp.fin or tcp.syn and tcp.rst", frame, a || (b && c)));
        rows.push_back(row("tcp.fin and tcp.syn or tcp.rst", frame, (a && b) || c));
        rows.push_back(row("(tcp.fin or tcp.syn) and tcp.rst", frame, (a || b) && c));
        rows.push_back(row("not tcp.fin or tcp.syn", frame, !a || b));
        rows.push_back(row("not (tcp.fin or tcp.syn)", frame, !(a || b)));
        rows.push_back(row("not (tcp.fin and not tcp.syn) and tcp.rst", frame, !(a && !b) && c));
        rows.push_back(row("not not tcp.fin", frame, a));
        rows.push_back(row("not not not tcp.fin", frame, !a));
        rows.push_back(row("not tcp.flags & 1 == 1", frame, !a));
        rows.push_back(row("not tcp.fin == true and tcp.syn", frame, !a && b));
        rows.push_back(row("true", frame, true));
        rows.push_back(row("false or tcp.rst", frame, c));
        rows.push_back(row("not false and (true and tcp.rst)", frame, c));
        rows.push_back(row("((((tcp.fin))))", frame, a));
        rows.push_back(row("tcp.fin == tcp.syn", frame, a == b));
    }
    check_rows(rows);
}

TEST_CASE("many ranges: a table instead of code", "[operators]") {
    std::string ports, addresses, macs, sixes;
    for (int i = 0; i < 300; ++i) {
        ports += fmt::format("{}{}..{}", i == 0 ? "" : ", ", i * 200 + 10, i * 200 + 20);
        addresses +=
            fmt::format("{}10.{}.{}.0/25, 10.{}.{}.200", i == 0 ? "" : ", ", i / 200, i % 200, i / 200, i % 200);
        macs += fmt::format("{}02:00:00:00:{:02x}:{:02x}", i == 0 ? "" : ", ", i / 256, i % 256);
        sixes += fmt::format("{}2001:db8:{:x}::/64, 2001:db8:{:x}::1:0:0:5", i == 0 ? "" : ", ", i * 3, i * 3);
    }
    const std::string preamble = fmt::format("let ports = {{ {} }}\nlet nets = {{ {}, {} }}\nlet macs = {{ {} }}\n",
                                             ports, addresses, sixes, macs);
    std::vector<Row> rows;
    const auto say = [&](const std::string& field, const std::string& set, const Bytes& frame, bool in) {
        rows.push_back(row(field + " in " + set, frame, in));
        rows.push_back(row(field + " not in " + set, frame, !in));
    };
    for (const unsigned port : {0u, 9u, 10u, 15u, 20u, 21u, 209u, 210u, 220u, 221u, 30009u, 30010u, 30020u, 30021u,
                                59809u, 59810u, 59820u, 59821u, 65535u}) {
        const unsigned within = port % 200;
        say("tcp.dport", "ports", tcp4({.destination = static_cast<std::uint16_t>(port)}),
            port <= 59820 && within >= 10 && within <= 20);
    }
    for (const auto& [address, in] : {std::pair{"0a000000", true},
                                      {"0a00007f", true},
                                      {"0a000080", false},
                                      {"0a0000c7", false},
                                      {"0a0000c8", true},
                                      {"0a0000c9", false},
                                      {"0a0163c8", true},
                                      {"0a016463", false},
                                      {"09ffffff", false},
                                      {"00000000", false},
                                      {"ffffffff", false}})
        say("ip.dst", "nets", eth(0x0800) + ip4({.destination = hex(address)}, tcp({})), in);
    for (const auto& [address, in] : {std::pair{"20010db8000000000000000000000000", true},
                                      {"20010db80000000000ffffffffffffff", true},
                                      {"20010db8000000010000000000000000", false},
                                      {"20010db8000000000000000100000005", true},
                                      {"20010db8000000010000000000000005", false},
                                      {"20010db8000000000001000000000005", true},
                                      {"20010db8000100000000000000000000", false},
                                      {"20010db8038100000000000000000000", true},
                                      {"20010db8038200000000000000000000", false},
                                      {"20010db80381000000010000fffffff5", true},
                                      {"00000000000000000000000000000000", false},
                                      {"ffffffffffffffffffffffffffffffff", false}})
        say("ip.dst", "nets", eth(0x86dd) + ip6({.destination = hex(address)}, tcp({})), in);
    for (const auto& [mac, in] : {std::pair{"020000000000", true},
                                  {"0200000000ff", true},
                                  {"020000000100", true},
                                  {"02000000012b", true},
                                  {"02000000012c", false},
                                  {"000000000000", false},
                                  {"ffffffffffff", false},
                                  {"030000000001", false}})
        say("eth.dst", "macs", patched(arp(), 0, hex(mac)), in);
    check_rows(rows, preamble);
}

TEST_CASE("iface: absent in tests; refused operators", "[operators]") {
    std::vector<Row> rows;
    for (const char* condition :
         {"iface == \"eth0\"", "iface != \"eth0\"", "iface starts_with \"\"", "iface in { \"a\", \"b\" }",
          "iface not in { \"a\", \"b\" }", "iface contains \"\"", "iface ends_with \"0\""}) {
        rows.push_back(row(condition, udp4(), false));
        rows.push_back(row("not " + std::string(condition), udp4(), true));
    }
    check_rows(rows);
    CHECK(analysed("rule a { when iface == iface then drop }").has(Code::E321));
    CHECK(analysed("rule a { when iface == hex\"00\" then drop }").has(Code::E320));
    CHECK(analysed("rule a { when iface < \"a\" then drop }").has(Code::E321));
}

TEST_CASE("the oracle, with an interface", "[operators]") {
    const Analysed policy = analysed(
        "rule a { when iface == \"eth0\" then drop }\nrule b { when iface starts_with \"eth\" then drop }\n"
        "rule c { when iface not in { \"eth1\", \"lo\" } then drop }\nrule d { when iface ends_with \"0\" and iface "
        "contains \"th\" then drop }");
    REQUIRE(policy.compiled);
    const oracle::Oracle oracle(policy.compiled->policy);
    for (const auto& [name, a, b, c, d] : {std::tuple{"eth0", true, true, true, true},
                                           {"eth1", false, true, false, false},
                                           {"lo", false, false, false, false},
                                           {"th0", false, false, true, true}}) {
        packet::Packet packet(udp4());
        packet.set_interface(name);
        const bool expected[] = {a, b, c, d};
        for (std::size_t i = 0; i < 4; ++i)
            CHECK(oracle.holds(policy.compiled->policy.rules[i].condition, packet) == expected[i]);
    }
}
