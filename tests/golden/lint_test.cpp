// The linter is never wrong: what it says of policies made at random holds for each of a few thousand frames, as the
// oracle judges them. And it sees what is there to see, also in a large policy.

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "compiler/analysis/lint.h"
#include "compiler/oracle/evaluate.h"
#include "compiler/sema/check.h"
#include "grammar/base/seeded.h"

using namespace weir;

namespace {

// Frames of all protocols, at the edges of what the conditions below speak of.
std::string frames_text() {
    std::string steps;
    const auto send = [&](const std::string& packet) { steps += "    " + packet + " => no alert\n"; };
    for (const char* source : {"10.0.0.1", "10.0.1.0", "11.0.0.0", "192.0.2.1"}) {
        for (const char* destination : {"10.0.0.255", "192.0.2.1"}) {
            for (const char* port : {"21", "22", "23", "80", "1023", "1024", "65535"}) {
                for (const char* flags : {"", "syn", "syn ack", "rst ttl 5"})
                    send(fmt::format("tcp {}:22 -> {}:{} {}", source, destination, port, flags));
                send(fmt::format("udp {}:80 -> {}:{} payload \"GET /\"", source, destination, port));
                send(fmt::format("sctp {}:80 -> {}:{} vlan 7", source, destination, port));
            }
            send(fmt::format("icmp {} -> {}", source, destination));
            send(fmt::format("icmp {} -> {} type 3 vlan 8", source, destination));
            send(fmt::format("arp {} -> {}", source, destination));
            send(fmt::format("tcp {}:1 -> {}:22 frag_offset 8", source, destination));
        }
    }
    for (const char* port : {"22", "80", "1024"}) {
        send(fmt::format("tcp [2001:db8::1]:22 -> [2001:db8::2]:{} syn", port));
        send(fmt::format("udp [2001:db8::1]:22 -> [fe80::2]:{}", port));
    }
    send("icmp6 2001:db8::1 -> fe80::2");
    send("hex \"02000000000202000000000108004500002000010000400666b5c6336407c00002010fa000500000000100000000\"");
    send("hex \"0200000000020200000000010806\"");
    return "test \"frames\" {\n" + steps + "}\n";
}

std::string condition(Seeded& random, int depth) {
    constexpr const char* kAtoms[] = {"tcp",
                                      "udp",
                                      "arp",
                                      "ip4",
                                      "ip6",
                                      "icmp",
                                      "icmp6",
                                      "malformed",
                                      "vlan",
                                      "tcp.syn",
                                      "tcp.ack == false",
                                      "ip.is_fragment",
                                      "tcp.dport == 22",
                                      "tcp.dport != 22",
                                      "port.dst in 0..1023",
                                      "port.dst >= 1024",
                                      "udp.dport in { 22, 80 }",
                                      "port.dst < 80",
                                      "ip.src in 10.0.0.0/8",
                                      "ip.src not in 10.0.0.0/24",
                                      "ip.src == 10.0.0.1",
                                      "ip.dst in { 192.0.2.0/24, 2001:db8::/32 }",
                                      "ip.src != ip.dst",
                                      "ip.src == ip.dst",
                                      "tcp.sport == tcp.dport",
                                      "port.src < port.dst",
                                      "port.src >= port.dst",
                                      "tcp.flags & 0x12 == 0x02",
                                      "ip.ttl < 6",
                                      "vlan.id in 7..8",
                                      "ip.proto == 6",
                                      "payload starts_with \"GET\"",
                                      "payload[0:3] != \"GET\"",
                                      "payload.len > 0",
                                      "(ip.src, tcp.dport) in { (10.0.0.1, 22), (192.0.2.1, 80) }",
                                      "(ip.src, port.dst) not in { (10.0.0.0/8, 22) }",
                                      "eth.type == 0x0806"};
    if (depth == 0) return kAtoms[random() % std::size(kAtoms)];
    switch (random() % 4) {
        case 0: return fmt::format("({} or {})", condition(random, depth - 1), condition(random, depth - 1));
        case 1: return fmt::format("({} and {})", condition(random, depth - 1), condition(random, depth - 1));
        case 2: return fmt::format("not ({} and {})", condition(random, depth - 1), condition(random, 0));
        default: return condition(random, depth - 1);
    }
}

std::string policy_text(Seeded& random) {
    std::string text = "alert seen { message \"{rule}\" }\n";
    for (int i = 0; i < 8; ++i) {
        constexpr const char* kActions[] = {"pass", "drop", "pass", "drop", "alert seen", "alert seen, drop"};
        text +=
            fmt::format("rule r{} {{ {} when {} then {} }}\n", i, random() % 8 == 0 ? "observe" : "",
                        condition(random, static_cast<int>(random() % 3)), kActions[random() % std::size(kActions)]);
    }
    return text + frames_text();
}

struct Policy {
    Diagnostics diagnostics;
    std::optional<policy::TypedPolicy> typed;
};

Policy checked(const std::string& text) {
    Policy policy;
    Sources sources;
    const std::uint32_t root = sources.add("lint.rules", text);
    const sema::Files none;
    const auto policies = sema::parse_all(sources, root, none, policy.diagnostics);
    policy.typed = sema::check(sources, policies, none, policy.diagnostics);
    return policy;
}

std::vector<packet::Packet> packets_of(const policy::TypedPolicy& policy) {
    std::vector<packet::Packet> packets;
    for (const policy::TestStep& step : policy.tests.at(0).steps)
        for (const auto& frame : std::get<policy::SendFrames>(step.node).frames) packets.emplace_back(frame);
    return packets;
}

std::size_t number_of(const policy::TypedPolicy& policy, const std::string& rule) {
    std::size_t number = 0;
    while (policy.rules[number].name != rule) ++number;
    return number;
}

}  // namespace

TEST_CASE("what the linter says holds for every frame") {
    std::size_t shadowed = 0, redundant = 0, never = 0;
    for (unsigned seed = 0; seed < 300; ++seed) {
        Seeded random(seed);
        const std::string text = policy_text(random);
        Policy policy = checked(text);
        INFO("seed " << seed << "\n" << text.substr(0, text.find("test ")));
        REQUIRE(policy.typed);
        const std::vector<packet::Packet> packets = packets_of(*policy.typed);
        Diagnostics said;
        REQUIRE(analysis::lint(*policy.typed, said));
        oracle::Oracle oracle(*policy.typed);
        policy::TypedPolicy thinner = *policy.typed;  // without what is redundant
        for (const Diagnostic& d : said.all()) {
            INFO(code_name(d.code) << " " << d.rule);
            if (d.code > Code::W403) continue;  // not of a rule
            const policy::RuleId rule{static_cast<std::uint32_t>(number_of(*policy.typed, d.rule))};
            if (d.code == Code::W402) {
                ++redundant;
                thinner.rules.erase(thinner.rules.begin() + static_cast<std::ptrdiff_t>(number_of(thinner, d.rule)));
                continue;
            }
            ++(d.code == Code::W401 ? shadowed : never);
            if (d.code == Code::W401) CHECK_FALSE(d.blockers.empty());
            for (const packet::Packet& packet : packets) {
                const oracle::Judgement judged = oracle.judge(packet, 0);
                if (std::find(judged.matched.begin(), judged.matched.end(), rule) != judged.matched.end())
                    FAIL("the rule matched");
                if (d.code == Code::W401 ||
                    !oracle.holds(policy.typed->rules[static_cast<std::size_t>(rule)].condition, packet))
                    continue;
                FAIL("the condition held");
            }
        }
        oracle::Oracle without(thinner);
        for (const packet::Packet& packet : packets) {
            const oracle::Judgement one = oracle.judge(packet, 0), other = without.judge(packet, 0);
            if (one.verdict.kind != other.verdict.kind || one.alerts.size() != other.alerts.size())
                FAIL("a redundant rule changed something");
        }
    }
    CHECK(shadowed >= 30);
    CHECK(redundant >= 30);
    CHECK(never >= 10);
}

TEST_CASE("ten thousand rules are linted whole") {
    std::string text;
    for (int i = 0; i < 10000; ++i)
        text += fmt::format(
            "rule r{} {{ when ip.src in 10.{}.{}.0/24 and ip.dst == 192.0.2.{} and tcp.dport == {} then {} }}\n", i,
            i / 256, i % 256, i * 7 % 256, i * 31 % 65536, i % 2 == 0 ? "drop" : "pass");
    text +=
        "rule hidden { when ip.src in 10.3.7.0/25 and ip.dst == 192.0.2.49 and tcp.dport == 24025 and tcp.syn then "
        "drop }\n";
    const Policy policy = checked(text);
    REQUIRE(policy.typed);
    Diagnostics said;
    CHECK(analysis::lint(*policy.typed, said));
    REQUIRE(said.all().size() == 1);
    CHECK(said.all()[0].code == Code::W401);
    CHECK(said.all()[0].rule == "hidden");
    CHECK(said.all()[0].blockers == std::vector<std::string>{"r775"});
}

namespace {

// The policy's diagnostics of this code.
std::vector<Diagnostic> said_of(const std::string& text, Code code) {
    const Policy policy = checked(text);
    REQUIRE(policy.typed);
    Diagnostics said;
    REQUIRE(analysis::lint(*policy.typed, said));
    std::vector<Diagnostic> found;
    for (const Diagnostic& d : said.all())
        if (d.code == code) found.push_back(d);
    return found;
}

}  // namespace

TEST_CASE("W401 names as few rules as take all packets, and those with sets only where it needs them") {
    const auto blockers = [](const std::string& text) {
        const std::vector<Diagnostic> said = said_of(text, Code::W401);
        REQUIRE_FALSE(said.empty());
        REQUIRE(said.back().rule == "never");
        return said.back().blockers;
    };
    using Names = std::vector<std::string>;
    CHECK(blockers("rule low { when tcp.dport < 1000 then pass }\nrule high { when tcp.dport >= 500 then pass }\n"
                   "rule all { when tcp then pass }\nrule never { when tcp.dport == 700 then drop }") == Names{"low"});
    CHECK(blockers("rule a { when tcp.dport < 1000 then pass }\nrule b { when tcp.dport in 900..2000 then drop }\n"
                   "rule c { when tcp.dport > 1500 then pass }\nrule never { when tcp then drop }") ==
          Names{"a", "b", "c"});
    CHECK(
        blockers("rule a { when tcp.dport < 1000 then pass }\nrule b { when tcp.dport in 900..990 or udp then drop }\n"
                 "rule c { when tcp.dport > 999 then pass }\nrule never { when tcp then drop }") == Names{"a", "c"});
    CHECK(blockers("set s : ip\nrule a { when ip.src in s then pass }\nrule b { when ip.src not in s then drop }\n"
                   "rule never { when tcp then drop }") == Names{"a", "b"});
    CHECK(blockers("set s : ip\nrule a { when ip.src in s then pass }\nrule b { when ip then drop }\n"
                   "rule never { when tcp then drop }") == Names{"b"});
}

// What W404, W407 and W411 deny, no frame of the test shows.
TEST_CASE("W4 of packets that are not there holds for every frame") {
    std::size_t certain = 0, messages = 0;
    for (unsigned seed = 0; seed < 300; ++seed) {
        Seeded random(seed);
        const std::string tried = condition(random, 2);
        const std::string text = fmt::format(
            "alert seen {{ message \"{{tcp.dport}}\" }}\nrule first {{ when {} then drop }}\n"
            "rule second {{ when ({}) and not ip.src == 10.0.0.1 then alert seen, pass }}\n{}",
            condition(random, 1), tried, frames_text());
        Policy policy = checked(text);
        INFO("seed " << seed << "\n" << text.substr(0, text.find("test ")));
        REQUIRE(policy.typed);
        Diagnostics said;
        REQUIRE(analysis::lint(*policy.typed, said));
        const auto has = [&](Code code) {
            return std::any_of(said.all().begin(), said.all().end(),
                               [&](const Diagnostic& d) { return d.code == code; });
        };
        const bool warned = has(Code::W404), empty_message = has(Code::W411);
        certain += warned ? 0 : 1;
        messages += empty_message ? 1 : 0;
        oracle::Oracle oracle(*policy.typed);
        for (const packet::Packet& packet : packets_of(*policy.typed)) {
            if (oracle.holds(policy.typed->rules[0].condition, packet) ||
                !oracle.holds(policy.typed->rules[1].condition, packet))
                continue;
            if (!warned && !packet.value(packet::FieldId::kIpSrc)) FAIL("the field is absent");
            if (empty_message && packet.value(packet::FieldId::kTcpDport)) FAIL("the message has its field");
        }
    }
    CHECK(certain >= 30);
    CHECK(messages >= 10);
}
