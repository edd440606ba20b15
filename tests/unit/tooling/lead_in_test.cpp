// Packets that come before another one: what the last one finds there is what a rule asks for.
#include "tooling/judge/lead_in.h"

#include <algorithm>

#include "compiler/packet/dissect.h"
#include "compiler/packet/probe_packet.h"
#include "tests/unit/tooling/judging.h"

using namespace weir;
using namespace weir::tooling;
using namespace weir::tests;

namespace {

ScriptEvent tcp_to(std::uint16_t port) {
    Seeded random(1);
    packet::ProbePacket packet(random, packet::TestProtocol::kTcp);
    packet.set_number(packet::FieldId::kTcpDport, port);
    packet.set_flag(packet::FieldId::kTcpAck, true);
    return {0, packet.frame(), packet::Direction::kIn, {}};
}

// The shortest script whose last packet matches the rule, which it does not alone: the steps before it.
std::vector<std::string> before_match(const std::string& policy, const std::string& rule, const ScriptEvent& last) {
    const LoadedPolicy loaded = loaded_policy(policy);
    const policy::TypedPolicy& typed = loaded.compiled->policy;
    const auto named = [&](const policy::Rule& one) { return one.name == rule; };
    const auto number =
        static_cast<std::size_t>(std::find_if(typed.rules.begin(), typed.rules.end(), named) - typed.rules.begin());
    CHECK_FALSE(play(typed, {last}).back().has_matched(number));
    for (Script& script : LeadIns(typed).to(last)) {
        REQUIRE(script.back().frame == last.frame);
        if (!play(typed, script).back().has_matched(number)) continue;
        script.pop_back();
        return packet_steps(script);
    }
    return {};
}

}  // namespace

TEST_CASE("a packet is found in a set that another rule adds to") {
    const auto steps = before_match(
        "set blocked : ip\nrule scan { when tcp.dport == 23 then add ip.src to blocked for 1h, drop }\n"
        "rule known { when ip.src in blocked then drop }\n",
        "known", tcp_to(80));
    REQUIRE(steps.size() == 1);
    CHECK(steps[0].find("192.0.2.1:49152 -> 192.0.2.2:23") != std::string::npos);
}

TEST_CASE("and in one that an alert adds the other end to, once its rule has counted") {
    const auto steps = before_match(
        "set blocked : ip\nalert scan { message \"x\" respond { add ip.dst to blocked for 1h } }\n"
        "rule scan { when udp.dport == 53 and rate(ip.dst) > 3/s then alert scan }\n"
        "rule known { when ip.src in blocked then drop }\n",
        "known", tcp_to(80));
    REQUIRE(steps.size() == 1);
    CHECK(steps[0].starts_with("4 x udp "));
    CHECK(steps[0].find("-> 192.0.2.1:53") != std::string::npos);
}

TEST_CASE("a packet is of a flow that either end has opened, and has lasted") {
    const std::string policy =
        "rule mine { when tcp.dport == 80 and flow.established and flow.is_from_client then pass }\n"
        "rule theirs { when tcp.dport == 81 and flow.established and not flow.is_from_client then pass }\n"
        "rule old { when tcp.dport == 82 and flow.age > 10s then pass }\ndefault drop\ndefault egress pass\n"
        "rule syn { when tcp.syn then pass }\nrule rest { when tcp.dport == 82 then pass }\n";
    CHECK_FALSE(before_match(policy, "mine", tcp_to(80)).empty());
    const auto theirs = before_match(policy, "theirs", tcp_to(81));
    REQUIRE_FALSE(theirs.empty());
    CHECK(theirs[0].starts_with("out tcp 192.0.2.2:81 -> 192.0.2.1:49152"));
    CHECK_FALSE(before_match(policy, "old", tcp_to(82)).empty());
}

TEST_CASE("a packet's key is counted by other packets") {
    const auto scan = before_match("rule scan { when tcp and distinct(tcp.dport, by ip.src, in 10s) > 5 then drop }\n",
                                   "scan", tcp_to(80));
    CHECK(scan.size() == 1);  // one range of ports
    // Alone, its own packets are above both limits at once.
    const auto mixed =
        before_match("rule mixed { when tcp.dport == 80 and rate(ip.src) > 5/s and rate(ip.dst) <= 2/s then drop }\n",
                     "mixed", tcp_to(80));
    CHECK_FALSE(mixed.empty());
}

TEST_CASE("nothing comes before where there is no state") {
    const LoadedPolicy loaded = loaded_policy("rule a { when tcp.dport == 80 then drop }\n");
    CHECK(LeadIns(loaded.compiled->policy).to(tcp_to(80)).empty());
}
