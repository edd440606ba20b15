// The checker, one mistake a line: which code, and what to do about it.
#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "compiler/packet/frame_builder.h"
#include "compiler/policy/identity.h"
#include "tests/unit/sema/checked.h"

using namespace weir;
using namespace weir::tests;

namespace {

Checked condition(const std::string& text) { return check("rule a { when " + text + " then drop }"); }

struct Mistake {
    const char* condition;
    Code code;
};

}  // namespace

namespace {
void check_mistakes(const std::vector<Mistake>& mistakes) {
    for (const auto& [text, code] : mistakes) {
        const Checked checked = condition(text);
        INFO(text << "\n" << checked.said);
        CHECK(!checked.compiled);
        CHECK(checked.has(code));
        // One mistake, one error.
        CHECK(checked.diagnostics.errors() == 1);
    }
}
}  // namespace

TEST_CASE("nothing converts silently") {
    check_mistakes({{"tcp.dport == 192.0.2.1", Code::E320},
                    {"ip.src == 80", Code::E320},
                    {"ip.src == \"192.0.2.1\"", Code::E320},
                    {"tcp.dport == ip.ttl", Code::E320},
                    {"ip.src == eth.src", Code::E320},
                    {"eth.src == 192.0.2.1", Code::E320},
                    {"tcp.syn == 1", Code::E320},
                    {"tcp.syn == tcp.flags", Code::E320},
                    {"packet.len > 64KB", Code::E320},
                    {"packet.len > 10s", Code::E320},
                    {"tcp.dport in { 80, 192.0.2.1 }", Code::E320},
                    {"ip.src in { 10.0.0.0/8, 80 }", Code::E320},
                    {"payload == 80", Code::E320},
                    {"payload[0:1] == 1", Code::E320},
                    {"tcp.dport == true", Code::E320},
                    {"tcp == payload", Code::E320},
                    {"(ip.src, tcp.dport) in { 80 }", Code::E320},
                    {"ip.src in { (192.0.2.1, 80) }", Code::E320},
                    {"(ip.src, tcp.dport) in { (192.0.2.1, 80, 1) }", Code::E320},
                    {"ip.ttl == (tcp.syn or udp)", Code::E320},
                    {"tcp.dport in 10.0.0.0/8", Code::E320},
                    {"ip.src in 1..5", Code::E320},
                    {"tcp.sport == payload[0:2]", Code::E320},
                    {"(ip.src, tcp.syn) in { (192.0.2.1, true) }", Code::E320},
                    {"(ip.src, payload) in { (192.0.2.1, \"a\") }", Code::E320}});
}

TEST_CASE("operators that a type does not have") {
    check_mistakes({{"ip.src < 10.0.0.1", Code::E321},
                    {"eth.src >= eth.dst", Code::E321},
                    {"tcp.syn in { true }", Code::E321},
                    {"tcp.syn < true", Code::E321},
                    {"tcp.dport contains 80", Code::E321},
                    {"ip.src starts_with 10.0.0.1", Code::E321},
                    {"payload < \"a\"", Code::E321},
                    {"payload contains { \"a\", \"b\" }", Code::E321},
                    {"tcp.dport == { 80 }", Code::E321},
                    {"tcp.dport in 80", Code::E321},
                    {"ip.src == 10.0.0.0/8", Code::E321},
                    {"tcp.dport == 1..5", Code::E321},
                    {"tcp.dport < { 80 }", Code::E321},
                    {"payload[0:1] contains \"a\"", Code::E321},
                    {"payload == payload", Code::E321},
                    {"(ip.src, tcp.dport) == { (192.0.2.1, 80) }", Code::E321},
                    {"ip.ttl in ip.ttl", Code::E321}});
}

TEST_CASE("numbers that do not fit") {
    check_mistakes({{"ip.ttl == 256", Code::E322},
                    {"ip.ttl < 256", Code::E322},
                    {"tcp.dport == 65536", Code::E322},
                    {"tcp.dport in 1..65536", Code::E322},
                    {"ip.dscp == 64", Code::E322},
                    {"ip.ecn == 4", Code::E322},
                    {"vlan.id == 4096", Code::E322},
                    {"vlan.pcp == 8", Code::E322},
                    {"ip6.flow_label == 0x100000", Code::E322},
                    {"ip.id == 4294967296", Code::E322},
                    {"ip.version == 16", Code::E322},
                    {"tcp.flags & 1 == 256", Code::E322},
                    {"(ip.src, tcp.dport) in { (192.0.2.1, 65536) }", Code::E322},
                    {"(ip.src, ip.ttl) in { (10.0.0.0/8, 256) }", Code::E322}});
}

TEST_CASE("what is no condition, no field, no value") {
    check_mistakes({{"tcp.dport", Code::E323},
                    {"ip.src", Code::E323},
                    {"payload", Code::E323},
                    {"80", Code::E323},
                    {"\"a\"", Code::E323},
                    {"{ 80 }", Code::E323},
                    {"(ip.src, ip.dst)", Code::E323},
                    {"not 80", Code::E323},
                    {"tcp and 80", Code::E323},
                    {"80 == tcp.dport", Code::E325},
                    {"{ 80 } in tcp.dport", Code::E325},
                    {"\"a\" == payload", Code::E325},
                    {"ip.src & 1 == 1", Code::E326},
                    {"tcp.dport & 1 == 1", Code::E326},
                    {"tcp.syn & 1 == 1", Code::E326},
                    {"80 & 1 == 1", Code::E326},
                    {"len(tcp.dport) == 1", Code::E327},
                    {"ip.src[0:1] == \"a\"", Code::E327},
                    {"(ip.src, 80) in { (192.0.2.1, 80) }", Code::E337},
                    {"tcp.dport in { 80, tcp.sport }", Code::E324},
                    {"(ip.src, tcp.dport) in { (192.0.2.1, 80), 80 }", Code::E324},
                    {"(ip.src, tcp.dport) in { (192.0.2.1, { 80 }) }", Code::E324}});
}

TEST_CASE("names, and those nearest") {
    for (const auto& [text, code, near] :
         std::vector<std::tuple<std::string, Code, std::string>>{{"tcp.dprot == 22", Code::E201, "tcp.dport"},
                                                                 {"tcp.sny", Code::E201, "tcp.syn"},
                                                                 {"ip.scr == 10.0.0.1", Code::E201, "ip.src"},
                                                                 {"tpc", Code::E202, "tcp"},
                                                                 {"tcp.dport in wbe", Code::E202, "web"},
                                                                 {"ip.src in ofice", Code::E202, "office"},
                                                                 {"new_tpc", Code::E202, "new_tcp"},
                                                                 {"icmp.tpye == 8", Code::E201, "icmp.type"}}) {
        const std::string items = "let web = { 80 }\nlet office = { 192.0.2.1 }\nlet new_tcp = tcp.syn\n";
        const Checked checked = check(items + "rule a { when " + text + " then drop }");
        INFO(text << "\n" << checked.said);
        CHECK(checked.has(code));
        REQUIRE(!checked.fixed().empty());
        CHECK(checked.fixed().find(near) != std::string::npos);
        CHECK(check(checked.fixed()).compiled);
    }
    const Checked far = condition("zzzzzzzz.qqqq == 1");
    CHECK(far.has(Code::E201));
    CHECK(far.fixed().empty());
}

TEST_CASE("one name space for lets, functions and sets; one each for rules, alerts, sinks, tests") {
    const std::map<std::string, std::string> files{{"f", "80\n"}};
    CHECK(check("let a = 1\nlet a = 2\nrule r { when tcp then drop }").has(Code::E203));
    CHECK(check("let a = 1\nset a : port from \"f\"\nrule r { when tcp then drop }", files).has(Code::E203));
    CHECK(check("let a(b) = b == 1\nlet a = 2\nrule r { when tcp then drop }").has(Code::E203));
    CHECK(check("rule r { when tcp then drop }\nrule r { when udp then drop }").has(Code::E203));
    CHECK(check("test \"a\" { }\ntest \"a\" { }").has(Code::E203));
    CHECK(check("let a = tcp\nalert a { message \"a\" }\nsink a = stdout()\nrule a { when a then alert a, drop }\ntest "
                "\"a\" { }")
              .compiled);
    for (const char* word : {"tcp", "ip", "payload", "vlan", "iface", "contains", "true", "inner", "port"}) {
        CHECK(check(std::string("let ") + word + " = 1\nrule r { when tcp then drop }").diagnostics.has_errors());
        CHECK(check(std::string("let f(") + word + ") = tcp\nrule r { when f(1) then drop }").diagnostics.has_errors());
    }
    CHECK(check("let f(a, a) = a == 1\nrule r { when f(ip.ttl, ip.ttl) then drop }").has(Code::E203));
}

TEST_CASE("lets and functions") {
    CHECK(check("let a = b\nlet b = a\nrule r { when a then drop }").has(Code::E205));
    CHECK(check("let a = a or tcp\n").has(Code::E205));
    CHECK(check("let f(x) = f(x)\nrule r { when f(ip.ttl) then drop }").has(Code::E205));
    CHECK(check("let f(x) = g(x)\nlet g(x) = f(x)\nrule r { when f(ip.ttl) then drop }").has(Code::E205));
    CHECK(check("let f(x) = x == 1\nrule r { when f(ip.ttl, 2) then drop }").has(Code::E211));
    CHECK(check("let f(x) = x == 1\nrule r { when f then drop }").has(Code::E212));
    CHECK(check("let f = 1\nrule r { when f(ip.ttl) then drop }").has(Code::E212));
    CHECK(check("let f(x) = x\nrule r { when f((tcp or udp)) then drop }").has(Code::E212));
    CHECK(check("rule r { when nothing(ip.ttl) then drop }").has(Code::E202));
    CHECK(check("let f(x) = x == 1\nrule r { when f(ip.src) then drop }").has(Code::E320));
    CHECK(check("let f(x) = x\nrule r { when f(tcp) then drop }").compiled);
    CHECK(check("let unused = tcp.dport == 192.0.2.1").has(Code::E320));
    CHECK(check("let late_use = early\nrule r { when late_use then drop }\nlet early = tcp").compiled);
}

TEST_CASE("W403: a comparison that is never true") {
    for (const char* never : {"ip.ttl < 0", "ip.ttl > 255", "tcp.dport > 65535", "ip.dscp > 63", "ip.ecn > 3"})
        CHECK(condition(never).has(Code::W403));
    for (const char* fine : {"ip.ttl <= 0", "ip.ttl >= 255", "tcp.dport >= 65535", "ip.len > 65534"})
        CHECK(!condition(fine).has(Code::W403));
}

TEST_CASE("sets from files") {
    const auto with = [](const std::string& type, const std::string& lines) {
        return check("set s : " + type + " from \"f\"\nrule r { when tcp then drop }", {{"f", lines}});
    };
    CHECK(with("ip", "192.0.2.1\n2001:db8::1\n# comment\n\n  10.0.0.1 # and more\r\n").compiled);
    for (const auto& [type, line] : std::vector<std::pair<std::string, std::string>>{{"ip", "10.0.0.0/8"},
                                                                                     {"ip", "nonsense"},
                                                                                     {"ip", "256.0.0.1"},
                                                                                     {"net", "10.0.0.1/8"},
                                                                                     {"net", "10.0.0.0/33"},
                                                                                     {"net", "10.0.0.0/"},
                                                                                     {"port", "65536"},
                                                                                     {"port", "-1"},
                                                                                     {"port", "http"},
                                                                                     {"u8", "256"},
                                                                                     {"u16", "65536"},
                                                                                     {"u32", "4294967296"},
                                                                                     {"u8", "0x"},
                                                                                     {"mac", "02:00:00:00:00"},
                                                                                     {"(ip, port)", "192.0.2.1"},
                                                                                     {"(ip, port)", "192.0.2.1, 80, 1"},
                                                                                     {"(ip, port)", "192.0.2.1 80"},
                                                                                     {"(ip, port)", ", 80"}}) {
        INFO(type << ": " << line);
        const Checked checked = with(type, "# first\n" + line + "\n");
        CHECK(checked.has(Code::E329));
        CHECK(checked.said.find("f:2:") != std::string::npos);
    }
    CHECK(check("set s : ip from \"none\"\nrule r { when tcp then drop }").has(Code::E207));
    CHECK(check("set s : ip size 1 from \"f\"\nrule r { when tcp then drop }", {{"f", "10.0.0.1\n10.0.0.2\n"}})
              .has(Code::E509));
    CHECK(
        check("set s : ip size 1 from \"f\"\nrule r { when tcp then drop }", {{"f", "10.0.0.1\n10.0.0.1\n"}}).compiled);
    CHECK(check("set s : word from \"f\"\nrule r { when tcp then drop }", {{"f", ""}}).has(Code::E213));
    CHECK(check("set s : (net, net) from \"f\"\nrule r { when tcp then drop }", {{"f", ""}}).has(Code::E510));
    CHECK(check("set s : net\nrule r { when ip.src in s then drop }").compiled);
    CHECK(check("set s : (port, net) size 10\nrule r { when (udp.dport, ip.src) in s then drop }").compiled);
    CHECK(check("set s : net from \"f\"\nrule r { when ip.src in s then drop }\ntest \"t\" { expect s contains ::/8 }",
                {{"f", ""}})
              .has(Code::E333));
    CHECK(check("set s : ip size 0 from \"f\"\nrule r { when tcp then drop }", {{"f", ""}}).has(Code::E508));
    for (const auto& [type, key] :
         std::vector<std::pair<std::string, std::string>>{{"port", "ip.src"},
                                                          {"ip", "tcp.dport"},
                                                          {"u8", "ip.len"},
                                                          {"u16", "ip.id"},
                                                          {"u8", "tcp.dport"},
                                                          {"port", "ip.ttl"},
                                                          {"mac", "ip.src"},
                                                          {"(ip, port)", "ip.src"},
                                                          {"ip", "(ip.src, tcp.dport)"},
                                                          {"(ip, port)", "(tcp.dport, ip.src)"},
                                                          {"u8", "tcp.flags & 1"},
                                                          {"u8", "tcp.syn"},
                                                          {"ip", "payload"}}) {
        const Checked checked =
            check("set s : " + type + " from \"f\"\nrule r { when " + key + " in s then drop }", {{"f", ""}});
        INFO(type << ": " << key << "\n" << checked.said);
        CHECK(!checked.compiled);
        CHECK(checked.diagnostics.errors() == 1);
    }
}

TEST_CASE("imports") {
    CHECK(check("import \"b\"\nrule r { when shared then drop }", {{"b", "let shared = tcp\n"}}).compiled);
    CHECK(check("import \"b\"\n", {{"b", "import \"test.rules\"\n"}, {"test.rules", ""}}).has(Code::E206));
    CHECK(check("import \"none\"\n").has(Code::E207));
    // Imports that cannot be read count as files, too.
    std::string many;
    for (int i = 0; i < 5000; ++i) many += "import \"none" + std::to_string(i) + "\"\n";
    Sources sources;
    Diagnostics diagnostics;
    int reads = 0;
    sema::Files none;
    none.read = [&](const std::string&) -> Result<std::string> {
        ++reads;
        return Error{"No such file or directory", {}, 0};
    };
    sema::parse_all(sources, sources.add("test.rules", many), none, diagnostics);
    CHECK(diagnostics.errors() == 5000);
    CHECK(reads < 1024);
    // The limit on text is of all files together.
    const std::string half = "let a = 1\n" + std::string(9 << 20, '\n');
    CHECK(check("import \"b\"\nimport \"c\"\n", {{"b", half}, {"c", "let c = 1\n" + half.substr(10)}}).has(Code::E502));
    CHECK(!check("import \"b\"\n", {{"b", half}}).has(Code::E502));
    CHECK(check("import \"b\"\nimport \"./b\"\nrule r { when shared then drop }", {{"b", "let shared = tcp\n"}})
              .compiled);
    CHECK(check("import \"b\"\nlet shared = udp\nrule r { when shared then drop }", {{"b", "let shared = tcp\n"}})
              .has(Code::E203));
}

TEST_CASE("braces in messages") {
    const Checked checked = check("alert a { message \"{{{ip.src}}} {{x}}\" }\n");
    REQUIRE(checked.compiled);
    std::string message;
    for (const policy::MessagePart& part : checked.compiled->policy.alerts[0].message) {
        const auto* text = std::get_if<std::string>(&part);
        message += text != nullptr ? *text : "HOLE";
    }
    CHECK(message == "{HOLE} {x}");
}

TEST_CASE("what a test's packet cannot have") {
    const auto packet = [](const std::string& written) { return check("test \"t\" { " + written + " => pass }"); };
    CHECK(!packet("udp 10.0.0.1:1 -> 10.0.0.2:2 ip_id 65535").has(Code::E333));
    CHECK(packet("udp 10.0.0.1:1 -> 10.0.0.2:2 ip_id 65536").has(Code::E333));
    CHECK(!packet("icmp 10.0.0.1 -> 10.0.0.2 seq 65535").has(Code::E333));
    CHECK(packet("icmp 10.0.0.1 -> 10.0.0.2 seq 65536").has(Code::E333));
    CHECK(packet("udp 10.0.0.1:1 -> 10.0.0.2:2 flow_label 1").has(Code::E333));
    CHECK(!packet("udp [2001:db8::7]:1 -> [2001:db8::1]:2 mf ip_id 65536").has(Code::E333));
    const std::string four = "udp 10.0.0.1:1 -> 10.0.0.2:2 ", six = "udp [2001:db8::7]:1 -> [2001:db8::1]:2 ",
                      arp = "arp 10.0.0.1 -> 10.0.0.2 ";
    for (const char* of_either : {"pppoe 65535", "mpls 0xfffff mpls 0 mpls 1 mpls 2 mpls 3"}) {
        CHECK(!packet(four + of_either).has(Code::E333));
        CHECK(!packet(six + of_either).has(Code::E333));
        CHECK(packet(arp + of_either).has(Code::E333));
    }
    for (const char* of_six : {"hop_by_hop", "destination", "routing 255", "routing 0 destination hop_by_hop mf"}) {
        CHECK(packet(four + of_six).has(Code::E333));
        CHECK(!packet(six + of_six).has(Code::E333));
        CHECK(packet(arp + of_six).has(Code::E333));
    }
    CHECK(!packet(four + "source_route").has(Code::E333));
    for (const std::string& wrong : {six + "source_route", arp + "source_route", four + "source_route 1",
                                     six + "hop_by_hop 1", six + "routing", six + "routing 256", four + "pppoe 65536",
                                     four + "mpls 0x100000", four + "pppoe 1 mpls 1", four + "mpls 1 pppoe 1"}) {
        INFO(wrong);
        CHECK(packet(wrong).has(Code::E333));
    }
}

TEST_CASE("a UDP checksum of 0 is sent as 0xffff") {
    // Two bytes of payload can make any sum; only the one that makes it 0 matters.
    packet::TestPacket packet;
    packet.protocol = packet::TestProtocol::kUdp;
    packet.source.bytes[0] = packet.destination.bytes[0] = 10;
    constexpr std::size_t kChecksumAt = 14 + 20 + 6, kPayloadAt = 14 + 20 + 8;
    packet.payload.assign(2, 0);
    std::vector<std::uint8_t> frame = packet::build_frame(packet);
    packet.payload.assign({static_cast<char>(frame[kChecksumAt]), static_cast<char>(frame[kChecksumAt + 1])});
    frame = packet::build_frame(packet);
    REQUIRE(frame.size() == kPayloadAt + 2);
    CHECK(frame[kChecksumAt] == 0xff);
    CHECK(frame[kChecksumAt + 1] == 0xff);
}

TEST_CASE("rules, alerts, verdicts") {
    CHECK(check("rule r { when tcp then drop, pass }").has(Code::E330));
    CHECK(check("alert a { message \"a\" }\nrule r { when tcp then drop, alert a }").has(Code::E330));
    CHECK(check("rule r { when tcp then alert none, drop }").has(Code::E209));
    CHECK(check("default drop\ndefault pass\n").has(Code::E214));
    CHECK(check("malformed drop\nmalformed pass\n").has(Code::E214));
    CHECK(check("alert a { message \"{tcp.dprot}\" }\n").has(Code::E201));
    CHECK(check("alert a { message \"{\" }\n").has(Code::E332));
    CHECK(check("alert a { message \"}\" }\n").has(Code::E332));
    CHECK(check("alert a { message \"{{{\" }\n").has(Code::E332));
    CHECK(check("alert a { message \"a\" to none }\n").has(Code::E210));
    CHECK(check("test \"t\" { tcp 10.0.0.1:1 -> 10.0.0.2:2 => drop by none }").has(Code::E208));
}

TEST_CASE("packets that tests repeat are kept once, and what is kept is bounded") {
    const std::string payload = " payload \"" + std::string(8900, 'a') + "\"";
    const Checked repeated =
        check("rule r { when tcp then drop }\ntest \"t\" { 1000000 x tcp 10.0.0.1:1 -> 10.0.0.2:2 syn" + payload +
              " => drop }\n");
    REQUIRE(repeated.compiled);
    const auto& sent = std::get<policy::SendFrames>(repeated.compiled->policy.tests.at(0).steps.at(0).node);
    CHECK(sent.frames.size() == 1);
    CHECK(sent.times == 1'000'000);
    // 40,000 packets of 9 KB.
    const Checked ports =
        check("rule r { when tcp then drop }\ntest \"t\" { tcp 10.0.0.1:1..200 -> 10.0.0.2:1..200 syn" + payload +
              " => drop }\n");
    CHECK(ports.has(Code::E513));
    CHECK(check("rule r { when tcp then drop }\ntest \"t\" { 600000 x tcp 10.0.0.1:1 -> 10.0.0.2:2 syn => drop\n"
                "500000 x tcp 10.0.0.1:1 -> 10.0.0.2:2 syn => drop }\n")
              .has(Code::E513));
    CHECK(
        check("rule r { when tcp then drop }\ntest \"t\" { 18446744073709551615 x tcp 10.0.0.1:1..3 -> 10.0.0.2:2 syn "
              "=> drop }\n")
            .has(Code::E513));
}

TEST_CASE("keys by prefix: the bits that count, and whose state it is") {
    const auto keys = [](const std::string& term) {
        const Checked checked = check("rule r { when " + term + " > 1/s then drop }");
        INFO(checked.said);
        REQUIRE(checked.compiled);
        return checked.compiled->policy.rules[0].terms[0];
    };
    const auto bits = [&](const std::string& key) { return keys("rate(" + key + ")").keys[0].bits; };
    CHECK((bits("ip.src/24") == policy::AddressBits{24, 64}));
    CHECK((bits("ip.src/24/56") == policy::AddressBits{24, 56}));
    CHECK((bits("ip.src/32/128") == policy::AddressBits{}));
    CHECK((bits("arp.sender_ip/8") == policy::AddressBits{8, 128}));
    CHECK(keys("rate(ip.src/24, ip.src/24/64, ip.src)").keys.size() == 2);
    const policy::TypedPolicy none;
    policy::Rule rule;
    rule.name = "r";
    CHECK(identity(none, rule, keys("rate(ip.src/24)")) == "rule r: rate(ip.src/24/64) per 1s");
    CHECK(identity(none, rule, keys("rate(ip.src/24/64)")) == identity(none, rule, keys("rate(ip.src/24)")));
    CHECK(identity(none, rule, keys("rate(ip.src/24/56)")) != identity(none, rule, keys("rate(ip.src/24)")));
    CHECK(identity(none, rule, keys("rate(ip.src/32/128)")) == identity(none, rule, keys("rate(ip.src)")));
    CHECK(identity(none, rule, keys("rate(arp.sender_ip/8)")) == "rule r: rate(arp.sender_ip/8) per 1s");
    CHECK(identity(none, rule, keys("rate(inner.ip.src)")) == "rule r: rate(inner.ip.src) per 1s");
}

TEST_CASE("lets for values: through other lets, of the type that is needed") {
    const Checked policy = check(
        "let lim = 10/min\nlet again = lim\nlet many = 20\nlet time = 90s\nset s : ip size many ttl time\n"
        "alert a { message \"x\" throttle many per ip.src every time }\n"
        "rule r { when tcp and rate(ip.src) > again burst many size many then add ip.src to s for time, alert a }\n");
    REQUIRE(policy.compiled);
    const policy::TypedPolicy& typed = policy.compiled->policy;
    const policy::StateTerm& term = typed.rules.at(0).terms.at(0);
    CHECK(term.limit == 10);
    CHECK(term.unit_ns == 60'000'000'000);
    CHECK(term.burst == 20);
    CHECK(term.size == 20);
    CHECK(typed.sets.at(0).size == 20);
    CHECK(typed.sets.at(0).ttl_ns == 90'000'000'000);
    CHECK(typed.rules.at(0).changes.at(0).for_ns == 90'000'000'000);
    CHECK(typed.alerts.at(0).throttle->limit == 20);
    CHECK(typed.alerts.at(0).throttle->unit_ns == 90'000'000'000);
    const auto limited = [](const std::string& let) {
        return check(let + "rule r { when tcp and rate(ip.src) > lim then drop }\n");
    };
    for (const char* unfit : {"let lim = 10s\n", "let lim = { 1 }\n", "let lim = tcp.syn or udp\n",
                              "let lim = ip.src\n", "let lim(a) = ip.src == a\n", "set lim : ip\n", "let lim = tcp\n"})
        CHECK(limited(unfit).has(Code::E350));
    CHECK(limited("").has(Code::E202));
    CHECK(limited("let lim = other\nlet other = lim\n").has(Code::E205));
    CHECK_FALSE(limited("let lim = other\nlet other = lim\n").has(Code::E350));
    CHECK(limited("let lim = none\n").has(Code::E202));
    CHECK(limited("let lim = 0/s\n").has(Code::E334));
    CHECK(check("let c = ip.src in s\nset s : ip size c\n").has(Code::E350));  // sets ask before sets are known
    CHECK(check("let n = 0\nset s : ip size n\n").has(Code::E508));
    CHECK(check("let n = 0\nthrottles size n\nrule r { when tcp then drop }\n").has(Code::E338));
}

TEST_CASE("sets with entries of their own: fixed, unless something changes them") {
    const auto set = [](const std::string& text, const std::string& action = "drop") {
        const Checked checked = check("let two = { 10.0.0.2, 10.0.0.3 }\nset s : " + text +
                                          "\nrule r { when ip.src == 10.0.0.9 then " + action + " }",
                                      {{"f", "10.0.0.1\n10.0.0.4\n"}});
        INFO(checked.said);
        REQUIRE(checked.compiled);
        return checked.compiled->policy.sets[0];
    };
    CHECK_FALSE(set("ip = { 10.0.0.1 }").dynamic);
    CHECK_FALSE(set("ip = { 10.0.0.1 }").from_file);
    CHECK(set("ip ttl 1h = { 10.0.0.1 }").dynamic);
    CHECK(set("ip = { 10.0.0.1 }", "add ip.src to s").dynamic);
    CHECK(set("ip = { 10.0.0.1, two, 10.0.0.1, }").entries.size() == 3);
    CHECK(set("ip from \"f\" = { 10.0.0.1, 10.0.0.9 }").entries.size() == 3);
    CHECK(set("ip from \"f\" = { 10.0.0.1 }").from_file);
    CHECK_FALSE(set("ip from \"f\" = { 10.0.0.1 }").dynamic);
    CHECK(set("net = { 10.0.0.0/8, ::/0, 10.0.0.1 }").entries.nets4().size() == 2);
    CHECK(set("(port, net) = { (1, 10.0.0.0/8) }", "add (port.src, ip.src/24) to s").dynamic);
    CHECK(set("u16 size 3 = { 1, 2, 3 }").size == 3);
}
