// Translation validation: policies as they are compiled agree with the oracle; of programs that were compiled from
// another policy it finds a packet that shows it, at each kind of boundary.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "tests/unit/tooling/judging.h"
#include "tooling/judge/validate.h"

using namespace weir;
using namespace weir::tooling;
using namespace weir::tests;

namespace {

ValidationReport validated(const Compiled& compiled, std::uint64_t seed = 1) {
    Evaluators evaluators(compiled);
    REQUIRE(evaluators.add(Evaluator::kOracle));
    REQUIRE(evaluators.add(Evaluator::kNative));
    auto report = validate(compiled, evaluators, {.seed = seed, .time = std::chrono::milliseconds(0)});
    REQUIRE(report);
    return std::move(*report);
}

// A condition, and one that is nearly the same.
constexpr std::pair<const char*, const char*> kConditions[] = {
    {"tcp.dport == 22", "tcp.dport in 22..23"},
    {"tcp.dport in 20..30", "tcp.dport in 20..29"},
    {"tcp.dport in 20..30", "tcp.dport in 19..30"},
    {"ip.ttl < 5", "ip.ttl <= 5"},
    {"ip.ttl != 64", "not ip.ttl == 64"},
    {"not tcp.dport == 22", "tcp.dport != 22"},
    {"ip.src in 10.0.0.0/8", "ip.src in 10.0.0.0/9"},
    {"ip.src in 10.0.0.0/8", "ip.src in 10.0.0.0..11.0.0.0"},
    {"ip.dst in 2001:db8::/64", "ip.dst in 2001:db8::/63"},
    {"ip.src in { 10.0.0.1, 10.0.0.3, 192.0.2.0/24 }", "ip.src in { 10.0.0.1, 10.0.0.3, 192.0.2.0/25 }"},
    {"tcp.dport in { 1, 5, 9, 13, 17, 21, 25, 29, 33 }", "tcp.dport in { 1, 5, 9, 13, 17, 21, 25, 29, 34 }"},
    {"(ip.src, tcp.dport) in { (192.0.2.1, 80), (2001:db8::1, 443) }",
     "(ip.dst, tcp.dport) in { (192.0.2.1, 80), (2001:db8::1, 443) }"},
    {"eth.src == 02:00:00:00:00:09", "eth.src == 02:00:00:00:00:0a"},
    {"vlan.id == 7", "vlan.id in 7..8"},
    {"vlan.depth == 2", "vlan.depth == 1"},
    {"vlan.inner_id == 9", "vlan.id == 9"},
    {"mpls.label == 100", "mpls.label == 101"},
    {"pppoe.session == 5", "pppoe"},
    {"arp.op == 1", "arp"},
    {"arp.sender_ip == 10.0.0.1", "arp.target_ip == 10.0.0.1"},
    {"tcp.syn and not tcp.ack", "tcp.syn"},
    {"tcp.flags == 0x02", "tcp.syn"},
    {"tcp.sport < tcp.dport", "tcp.sport <= tcp.dport"},
    {"ip.src == ip.dst", "ip.src != ip.dst"},
    {"port.dst == 53", "udp.dport == 53"},
    {"icmp.type == 8", "icmp.type == 8 and icmp.code == 0"},
    {"icmp.id == 1", "icmp"},
    {"icmp6.type in 133..137", "icmp6.type in 133..136"},
    {"udp.len > 100", "udp.len >= 100"},
    {"ip.is_fragment", "ip.mf"},
    {"ip.frag_offset >= 1480", "ip.frag_offset > 1480"},
    {"ip.has_options", "ip4.source_route"},
    {"ip6.hop_by_hop", "ip.has_options"},
    {"ip.df", "ip4"},
    {"ip.dscp == 46", "ip.dscp == 47"},
    {"malformed", "malformed and tcp"},
    {"payload contains \"abc\"", "payload contains \"abd\""},
    {"payload contains \"abc\"", "payload starts_with \"abc\""},
    {"payload contains \"abc\"", "payload contains \"ab\""},
    {"payload ends_with \"abc\"", "payload contains \"abc\""},
    {"payload starts_with \"abc\"", "payload == \"abc\""},
    {"payload == \"abc\"", "payload starts_with \"abc\""},
    {"payload[4:2] == \"ab\"", "payload[5:2] == \"ab\""},
    {"payload[4:2] == \"ab\"", "payload[4:1] == \"a\""},
    {"payload[4:2] != \"ab\"", "not payload[4:2] == \"ab\""},
    {"len(payload) > 20", "len(payload) >= 20"},
    {"tls.sni == \"a.example\"", "tls.sni ends_with \"a.example\""},
    {"tls.alpn == \"h2\"", "tls.alpn starts_with \"h2\""},
    {"tls.version == 0x0303", "tls.version == 0x0304"},
    {"dns.qname == \"a.example\"", "dns.qname ends_with \"a.example\""},
    {"dns.qtype == 16", "dns.qtype in 16..17"},
    {"dns.rcode == 3", "dns.rcode >= 3"},
    {"dns.answers > 10", "dns.answers >= 10"},
    {"dns.is_response", "dns"},
    {"http.method == \"POST\"", "http.method == \"PUT\""},
    {"http.path starts_with \"/admin\"", "http.target == \"/admin\""},
    {"http.host == \"a.example\"", "http.host ends_with \"a.example\""},
    {"http.user_agent contains \"curl\"", "http.user_agent contains \"cur\""},
    {"http.status in 500..599", "http.status in 500..600"},
    {"vxlan.vni == 42", "vxlan.vni in 42..43"},
    {"gre.key == 7", "gre"},
    {"inner.ip.src in 10.0.0.0/8", "inner.ip.src in 10.0.0.0/7"},
    {"inner.tcp.dport == 22", "inner.tcp.dport in 21..22"},
    {"iface == \"eth0\"", "iface starts_with \"eth0\""},
    {"iface starts_with \"eth\"", "iface starts_with \"et\""},
    {"iface != \"eth0\"", "not iface == \"eth0\""},
    {"sctp.dport == 36412", "sctp"},
    {"packet.len > 1200", "packet.len >= 1200"},
    {"tcp.mss < 1400", "tcp.mss <= 1400"},
    {"tcp.window == 0", "tcp.window <= 1"},
    {"udp and (ip.src in 10.0.0.0/8 or udp.dport == 53)", "udp and (ip.src in 10.0.0.0/8 or udp.dport == 54)"},
    {"not (tcp.dport == 22 or ip.ttl < 5)", "not (tcp.dport == 22 or ip.ttl < 6)"},
};

// The oracle judges by `right`, the native evaluator by what was made of `wrong`.
ValidationReport mistranslated(const std::string& right, const std::string& wrong) {
    auto loaded = loaded_policy(right);
    auto other = loaded_policy(wrong);
    loaded.compiled->decision = other.compiled->decision;
    loaded.compiled->egress = other.compiled->egress;
    return validated(*loaded.compiled);
}

ValidationReport translated(const std::string& text) {
    const auto loaded = loaded_policy(text);
    ValidationReport report = validated(*loaded.compiled);
    CHECK(report.different_frames == 0);
    CHECK(report.differences.empty());
    return report;
}

}  // namespace

TEST_CASE("of a policy that is compiled rightly it says what it tried") {
    const ValidationReport report = translated(
        "rule a { when tcp.dport == 22 and ip.src in 10.0.0.0/8 then drop }\n"
        "rule never { when tcp.dport == 22 and ip.src in 10.1.0.0/16 then pass }\n"
        "rule b { when tcp.dport in 20..30 then pass }\n");
    CHECK(report.rules.done == 2);
    CHECK(report.rules.all == 3);
    CHECK(report.unreached == std::vector<std::uint32_t>{1});
    CHECK(report.boundaries.done >= 12);
    CHECK(report.boundaries.done < report.boundaries.all);  // those of `never`
    CHECK(report.neighbours >= 2);
    CHECK(report.pairs.done == 2);
    CHECK(report.stopped.empty());
}

TEST_CASE("the same seed tries the same") {
    const auto loaded = loaded_policy("rule a { when tcp.dport in 20..30 or payload contains \"x\" then drop }\n");
    CHECK(validated(*loaded.compiled, 7).frames == validated(*loaded.compiled, 7).frames);
}

TEST_CASE("each kind of near miss is noticed") {
    for (const auto& [right, wrong] : kConditions) {
        const ValidationReport report = mistranslated(fmt::format("rule r {{ when {} then drop }}\n", right),
                                                      fmt::format("rule r {{ when {} then drop }}\n", wrong));
        INFO(right << " as " << wrong);
        CHECK(report.different_frames > 0);
        REQUIRE(!report.differences.empty());
        CHECK(report.differences[0].rule == 0);
        CHECK(report.differences[0].shown.size() >= 1);
    }
}

// The entries of sets are the policy's, which the native evaluator has from the oracle's.
TEST_CASE("entries of sets that are wrong in the kernel are noticed") {
    if (!kernel_is_allowed()) return;
    const std::pair<const char*, const char*> conditions[] = {
        {"(ip.src, tcp.dport) in { (192.0.2.1, 80), (2001:db8::1, 443) }",
         "(ip.src, tcp.dport) in { (192.0.2.1, 80), (2001:db8::1, 444) }"},
        {"(ip.src, tcp.dport) in { (192.0.2.1, 80), (192.0.2.2, 443) }",
         "(ip.src, tcp.dport) in { (192.0.2.1, 80), (192.0.2.3, 443) }"},
        {"dns.qname in { \"a.example\", \"b.example\" }", "dns.qname in { \"a.example\", \"b.exampl\" }"},
    };
    for (const auto& [right, wrong] : conditions) {
        const auto loaded = loaded_policy(fmt::format("rule r {{ when {} then drop }}\n", right));
        const auto other = loaded_policy(fmt::format("rule r {{ when {} then drop }}\n", wrong));
        Evaluators evaluators(*loaded.compiled);
        REQUIRE(evaluators.add(Evaluator::kOracle));
        const auto object = compile(*other.compiled, {});
        REQUIRE(object);
        REQUIRE(evaluators.add_kernel(*object));
        const auto report = validate(*loaded.compiled, evaluators, {});
        REQUIRE(report);
        INFO(right << " as " << wrong);
        CHECK(report->different_frames > 0);
    }
}

TEST_CASE("the order of rules, their verdicts and the other direction are looked at") {
    const std::string head = "rule first { when tcp then drop }\n";
    CHECK(
        mistranslated(
            "rule a { when tcp.dport == 1 then drop }\nrule b { when ip.ttl == 3 then reject }\n",
            "rule a { when tcp.dport == 1 then drop }\nrule b { when ip.ttl == 3 and not tcp.dport == 1 then pass }\n")
            .different_frames > 0);
    const ValidationReport report = mistranslated("rule o { egress when udp.dport == 53 then drop }\n",
                                                  "rule o { egress when udp.dport in 53..54 then drop }\n");
    REQUIRE(!report.differences.empty());
    CHECK(report.differences[0].shown.back().direction == packet::Direction::kOut);
    CHECK(mistranslated(head + "rule last { when udp.dport == 9 then drop }\n",
                        head + "rule last { when udp.dport == 10 then drop }\n")
              .differences[0]
              .rule == 1);
}

TEST_CASE("a sequence of packets finds limits and times that are wrong") {
    const std::pair<const char*, const char*> terms[] = {
        {"count(ip.src in 10s) > 5", "count(ip.src in 10s) > 6"},
        {"count(ip.src in 10s) > 5", "count(ip.src in 11s) > 5"},
        {"rate(ip.src) > 10/s", "rate(ip.src) > 11/s"},
        {"rate(ip.src) > 10/s burst 20", "rate(ip.src) > 10/s burst 21"},
        {"byterate(ip.src) > 1000B/s", "byterate(ip.src) > 1200B/s"},
        {"distinct(tcp.dport, by ip.src, in 10s) > 5", "distinct(tcp.dport, by ip.src, in 10s) > 6"},
        {"share(tcp.syn, by ip.src, in 10s, of 10) > 50%", "share(tcp.syn, by ip.src, in 10s, of 10) > 60%"},
        {"surge(ip.src, in 10s) > 3", "surge(ip.src, in 10s) > 4"},
    };
    for (const auto& [right, wrong] : terms) {
        std::string count = right, other = wrong;
        if (count.starts_with("count(ip.src in")) count.insert(12, ","), other.insert(12, ",");
        const ValidationReport report = mistranslated(fmt::format("rule r {{ when tcp and {} then drop }}\n", count),
                                                      fmt::format("rule r {{ when tcp and {} then drop }}\n", other));
        INFO(right << " as " << wrong);
        CHECK(report.different_frames > 0);
        CHECK(report.sequences > 0);
    }
    const std::string alert =
        "rule r {{ when udp.dport == 7 then alert a, drop }}\n"
        "alert a {{ message \"x\" throttle {} per ip.src every {} }}\n";
    CHECK(mistranslated(fmt::format(fmt::runtime(alert), 3, "10s"), fmt::format(fmt::runtime(alert), 4, "10s"))
              .different_frames > 0);
    CHECK(mistranslated(fmt::format(fmt::runtime(alert), 3, "10s"), fmt::format(fmt::runtime(alert), 3, "9s"))
              .different_frames > 0);
    const std::string set =
        "set seen : ip\nrule again {{ when ip.src in seen then drop }}\n"
        "rule first {{ when udp.dport == 7 then add ip.src to seen for {} }}\n";
    CHECK(mistranslated(fmt::format(fmt::runtime(set), "60s"), fmt::format(fmt::runtime(set), "61s")).different_frames >
          0);
}

TEST_CASE("a sequence of packets makes flows") {
    const ValidationReport report = translated(
        "rule known { when flow.established then pass }\nrule slow { when flow.rtt > 50ms then drop }\n"
        "rule many { when flow.packets > 9 then drop }\nrule first { when flow.is_new and tcp.dport == 22 then pass "
        "}\n");
    CHECK(report.sequences > 0);
    CHECK(report.rules.done >= 2);
    CHECK(
        mistranslated("rule known { when flow.established then drop }\n", "rule known { when flow.is_new then drop }\n")
            .different_frames > 0);
}

TEST_CASE("a difference says its rule, its packet and the answers") {
    auto loaded = loaded_policy("rule r { when tcp.dport == 22 then drop }\n");
    loaded.compiled->decision = loaded_policy("rule r { when tcp.dport == 23 then drop }\n").compiled->decision;
    const ValidationReport report = validated(*loaded.compiled);
    REQUIRE(!report.differences.empty());
    const Diagnostic said = diagnostic_of(report.differences[0], loaded.compiled->policy, "a.pcapng");
    CHECK(said.code == Code::E901);
    CHECK(said.rule == "r");
    CHECK(said.message.find("oracle: ") != std::string::npos);
    CHECK(said.message.find("native: ") != std::string::npos);
    CHECK(said.label.find("tcp ") != std::string::npos);
    CHECK(said.help.find("a.pcapng") != std::string::npos);
}

TEST_CASE("it ends at its bounds, and says where") {
    const auto loaded = loaded_policy("rule r { when tcp.dport in 20..30 then drop }\n");
    Evaluators evaluators(*loaded.compiled);
    REQUIRE(evaluators.add(Evaluator::kOracle));
    REQUIRE(evaluators.add(Evaluator::kNative));
    auto report = validate(*loaded.compiled, evaluators, {.frames = 516});
    REQUIRE(report);
    CHECK(report->frames == 516);
    CHECK(report->stopped.starts_with("after 516 packets"));
}
