// Policies and packets that engines once differed on, or that the verifier once refused. A case a bug.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "compiler/packet/frame_builder.h"
#include "tests/support/table.h"

using namespace weir;
using namespace weir::tests;

namespace {

void check_loads(const std::string& policy, const Bytes& frame) {
    std::string difference;
    auto created = Evaluators::create(policy);
    INFO(policy << "\n" << why_not(created));
    REQUIRE(created);
    auto& engines = *created;
    engines->judge(frame, difference);
    CHECK(difference == "");
}

}  // namespace

TEST_CASE("17 to 64 rules: one function, whose answer is an index", "[regressions]") {
    for (const std::size_t rules : {17u, 40u, 64u, 65u}) {
        std::string policy;
        for (std::size_t i = 0; i < rules; ++i)
            policy += fmt::format("rule r{} {{ when tcp.dport == {} then drop }}\n", i, 80 + i);
        check_loads(policy, tcp4());
    }
}

TEST_CASE("few rules of many tests: the verifier followed each along each way a frame is read", "[regressions]") {
    std::string policy;
    for (int i = 0; i < 8; ++i)
        policy += fmt::format(
            "rule r{0} {{ {1}when icmp6.code >= ip.len or (payload != \"a\\x8ab\" and not arp.target_ip in "
            "198.51.100.0/24 and (icmp6.code & 0x40 < ip.ecn "
            "and payload[5:1] == \"b\" and ip)) or (tcp.window < {0}00 and ip.ttl & {0} != 0 and (tcp.syn or udp.dport "
            "> {0})) then drop }}\n",
            i + 1, i % 2 == 0 ? "observe " : "");
    check_loads(policy, tcp4({}, text("aaaaab")));
}

TEST_CASE("the end of a payload that lies beyond byte 65,000 of a frame", "[regressions]") {
    const Bytes frame = in4(17, udp({}, Bytes(65504, 'j') + text("end")));
    check_rows({{"payload ends_with \"end\"", frame, true, "the largest datagram"},
                {"payload ends_with \"jjj\"", frame, false, "the largest datagram"}});
}

TEST_CASE("a set of tuples whose file is empty", "[regressions]") {
    const std::string policy =
        "set none : (net, u8) from \"none\"\nset exact : (ip, port) from \"none\"\n"
        "rule a { when (ip.src, ip.ttl) in none or (ip.dst, tcp.dport) in exact then drop }\n"
        "rule b { observe when (ip.src, ip.ttl) not in none and (ip.dst, tcp.dport) not in exact then drop }\n";
    std::string difference;
    auto created = Evaluators::create(policy, {{"none", "# nothing yet\n"}});
    INFO(why_not(created));
    REQUIRE(created);
    auto& engines = *created;
    CHECK(engines->judge(tcp4(), difference).matched == std::vector<std::uint32_t>{1});
    CHECK(difference == "");
}

TEST_CASE("64 rules of 260 comparisons: a branch out of the reach of BPF's jumps", "[regressions]") {
    std::string policy;
    for (int r = 0; r < 64; ++r) {
        policy += fmt::format("rule r{} {{ {}when ", r, r % 2 == 0 ? "observe " : "");
        for (int i = 0; i < 65; ++i)
            policy += fmt::format("{}(tcp.window & {} != {} and ip.src in 10.{}.0.0/16) or udp.len > ip.id",
                                  i == 0 ? "" : " or ", i + 1, r, i);
        policy += " then drop }\n";
    }
    check_loads(policy, tcp4());
}

TEST_CASE("a packet that lacks a throttle's key shares a window with all that do, and with no others",
          "[regressions]") {
    std::string difference;
    auto created = Evaluators::create(
        "rule r { when udp or tcp then alert a }\nalert a { message \"x\" throttle 1 per tcp.dport every 1h }\n");
    INFO(why_not(created));
    REQUIRE(created);
    auto& engines = *created;
    const auto held_back = [&](const Bytes& frame) {
        const Judged judged = engines->judge(frame, difference, 5);
        CHECK(difference == "");
        REQUIRE(judged.suppressed.size() == 1);
        return judged.suppressed[0] == WEIR_HELD_BACK;
    };
    CHECK_FALSE(held_back(udp4({.destination = 53})));
    CHECK(held_back(udp4({.destination = 80})));  // its port is no tcp.dport
    CHECK_FALSE(held_back(tcp4({.destination = 80})));
    CHECK_FALSE(held_back(tcp4({.destination = 0})));  // nor is 0 an absent one
    CHECK(held_back(tcp4({.destination = 80})));
    CHECK_FALSE(held_back(tcp4({.destination = 53})));
}

TEST_CASE("a throttle's key may be the first bits of an address", "[regressions]") {
    std::string difference;
    auto created = Evaluators::create(
        "rule r { when udp then alert a }\nrule s { when tcp then alert b }\nrule t { when arp then alert c }\n"
        "alert a { message \"x\" throttle 1 per ip.src/24/48 every 1h }\n"
        "alert b { message \"x\" throttle 1 per ip.src/24/20 every 1h }\n"
        "alert c { message \"x\" throttle 1 per arp.target_ip/8, arp.op every 1h }\n");
    INFO(why_not(created));
    REQUIRE(created);
    auto& engines = *created;
    const auto held_back = [&](packet::TestProtocol protocol, const char* source, const char* destination) {
        packet::TestPacket packet;
        packet.protocol = protocol;
        packet.source = *parse_ip(source);
        packet.destination = *parse_ip(destination);
        const Judged judged = engines->judge(packet::build_frame(packet), difference, 5);
        CHECK(difference == "");
        REQUIRE(judged.suppressed.size() == 1);
        return judged.suppressed[0] == WEIR_HELD_BACK;
    };
    const auto udp = packet::TestProtocol::kUdp, tcp = packet::TestProtocol::kTcp, arp = packet::TestProtocol::kArp;
    CHECK_FALSE(held_back(udp, "198.51.100.1", "192.0.2.1"));
    CHECK(held_back(udp, "198.51.100.254", "192.0.2.1"));
    CHECK_FALSE(held_back(udp, "198.51.101.1", "192.0.2.1"));
    CHECK_FALSE(held_back(udp, "2001:db8::1", "2001:db8::9"));
    CHECK(held_back(udp, "2001:db8:0:ffff::1", "2001:db8::9"));
    CHECK_FALSE(held_back(udp, "2001:db8:1::1", "2001:db8::9"));
    CHECK_FALSE(held_back(tcp, "198.51.100.1", "192.0.2.1"));
    CHECK_FALSE(held_back(tcp, "198.51.107.1", "192.0.2.1"));  // 24 bits, although IPv6 has 20
    CHECK_FALSE(held_back(tcp, "2001:db8::1", "2001:db8::9"));
    CHECK(held_back(tcp, "2001:fff::1", "2001:db8::9"));
    CHECK_FALSE(held_back(arp, "198.51.100.1", "192.0.2.1"));
    CHECK(held_back(arp, "198.51.100.1", "192.99.2.1"));
    CHECK_FALSE(held_back(arp, "198.51.100.1", "191.0.2.1"));
}

TEST_CASE("33 and 800 throttled alerts: calls too deep, and too many instructions", "[regressions]") {
    std::size_t instructions = 0;
    for (const std::size_t alerts : {2u, 33u, 800u}) {
        std::string policy;
        for (std::size_t i = 0; i < alerts; ++i)
            policy += fmt::format(
                "rule r{0} {{ when tcp.dport == {0} then alert a{0}, drop }}\n"
                "alert a{0} {{ message \"x\" throttle 1 per ip.src, eth.src, tcp.dport every {1}s }}\n",
                i, 1 + i);
        check_loads(policy, tcp4({.destination = 1}));
        const Analysed policy_of = analysed(policy);
        REQUIRE(policy_of.compiled);
        const auto object = compile(*policy_of.compiled, {});
        REQUIRE(object);
        CHECK(object->state.size() == 1);
        if (alerts == 800) CHECK(object->elf.size() < instructions + 800 * 200);  // rows of tables, no code
        instructions = object->elf.size();
    }
}

// The kernel takes eight calls of functions inside one another, the program's own among them; a condition of a tree is
// deep already, and so is what is looked up within it. A random policy of such conditions was nine deep.
TEST_CASE("look-ups in the conditions of a tree are within the calls that the verifier takes", "[regressions]") {
    const char* conditions[] = {
        "http.host in { \"www.example\", \"a.b.net\", \"net\" }",
        "http.host in names",
        "http.host in live_names",
        "http.method starts_with nocase \"HEAD\"",
        "http.user_agent contains nocase \"scan\"",
        "tls.sni in { \"b.net\" }",
        "tls.sni in names",
        "dns.qname ends_with \".b.net\"",
        "dns.qname in live_names",
        "payload ends_with nocase \"abc\"",
        "payload contains \"abcdef\"",
        "payload in { \"abc\", \"abd\" }",
        "ip.src in nets",
        "ip.src in live_nets",
        "inner.ip.src in live_nets",
        "inner.ip.src in nets",
        "(ip.src, tcp.dport) in pairs",
        "(inner.ip.src, eth.dst) in { (192.0.2.0/25, 02:00:00:00:00:01), (2001:db8::/124, 02:00:00:00:00:03) }",
        "flow.established",
        "http.latency > 50ms",
    };
    const FileTexts files{{"nets", "10.0.0.0/8\n2001:db8::/32\n192.0.2.1\n"},
                          {"names", "b.net\nexample.com\n"},
                          {"pairs", "10.0.0.0/8, 80\n"}};
    const std::string sets =
        "default reject\nmalformed pass\n"
        "set nets : net from \"nets\"\nset names : domain from \"names\"\nset pairs : (net, port) from \"pairs\"\n"
        "set live_nets : net size 1000 ttl 10m\nset live_names : domain size 1000 ttl 10m\n"
        "alert a { message \"{ip.src} {http.host} {tls.sni}\" throttle 5 per http.host every 1m }\n";
    const auto boxes = [](std::size_t count, const std::string& direction) {
        std::string text;
        for (std::size_t i = 0; i < count; ++i)
            text += fmt::format("rule {}{} {{ {} when ip.dst in 10.{}.0.0/16 and tcp.dport in {}..{} then drop }}\n",
                                direction.empty() ? "in" : direction, i, direction, i, i, 2 * i + 1);
        return text;
    };
    for (const std::size_t count : {3u, 70u}) {
        std::string policy = sets + boxes(count, "") + boxes(count, "egress");
        for (std::size_t i = 0; i < std::size(conditions); ++i) {
            // With what no box can be, and with what is done behind it.
            const std::string residual =
                fmt::format("(tcp.window < ip.len or not ({0})) and ({0} or tcp.seq == tcp.ack_seq)", conditions[i]);
            policy += fmt::format(
                "rule deep{0} {{ when {1} and rate(http.host, ip.src/24) > 5/s "
                "then alert a, add ip.src/24 to live_nets, drop }}\n"
                "rule plain{0} {{ when {1} then reject }}\n"
                "rule out{0} {{ egress when {1} then alert a, add ip.dst/24 to live_nets, drop }}\n",
                i, residual);
        }
        INFO(count << " rules before them");
        std::string difference;
        auto created = Evaluators::create(policy, files);
        INFO(why_not(created).substr(0, 3000));
        REQUIRE(created);
        (*created)->judge(tcp4({}, text("GET / HTTP/1.1\r\nHost: www.b.net\r\n\r\n")), difference);
        CHECK(difference == "");
    }
}
