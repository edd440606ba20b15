// Where comparisons turn, and packets aimed at them.
#include <catch2/catch.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "compiler/analysis/aim.h"
#include "compiler/compiler.h"
#include "compiler/oracle/evaluate.h"

using namespace weir;
using analysis::ProbePoint;

namespace {

Compiled policy_of(const std::string& condition) {
    Sources sources;
    Diagnostics diagnostics;
    auto compiled =
        analyse(sources, "p.rules", fmt::format("rule r {{ when {} then drop }}\n", condition), {}, diagnostics);
    REQUIRE(compiled);
    return std::move(*compiled);
}

std::vector<std::string> boundaries_of(const std::string& condition) {
    const Compiled compiled = policy_of(condition);
    Seeded random(1);
    std::vector<std::string> names;
    for (const policy::ExprId one : analysis::comparisons_of(compiled.policy, compiled.policy.rules[0].condition))
        for (const ProbePoint& point : analysis::points_of(compiled.policy, one, 32, random))
            if (point.is_boundary) names.push_back(fmt::format("{}: {}", point.name, point.holds ? "holds" : "fails"));
    std::sort(names.begin(), names.end());
    return names;
}

}  // namespace

TEST_CASE("points are at both sides of both ends") {
    using Names = std::vector<std::string>;
    CHECK(boundaries_of("tcp.dport in 20..30") ==
          Names{"19: fails", "20: holds", "30: holds", "31: fails", "absent: fails"});
    CHECK(boundaries_of("ip.ttl < 5") == Names{"0: holds", "4: holds", "5: fails", "absent: fails"});
    CHECK(boundaries_of("tcp.dport != 65535") == Names{"65534: holds", "65535: fails", "absent: fails"});
    CHECK(boundaries_of("ip.src in 10.0.0.0/8") == Names{"10.0.0.0: holds", "10.255.255.255: holds", "absent: fails",
                                                         "one above 10.255.255.255: fails",
                                                         "one below 10.0.0.0: fails"});
    CHECK(boundaries_of("tcp.flags & 0x12 == 0x02") == Names{"0x0, other bits one: fails", "0x0: fails",
                                                             "0x12, other bits one: fails", "0x12: fails",
                                                             "2, other bits one: holds", "2: holds", "absent: fails"});
    CHECK(boundaries_of("vlan") == Names{"absent: fails", "false: fails", "true: holds"});
}

TEST_CASE("of many ranges the first, the last and some are looked at") {
    std::string list = "1";
    for (int i = 3; i < 200; i += 2) list += fmt::format(", {}", i);
    const Compiled compiled = policy_of("tcp.dport in { " + list + " }");
    const policy::ExprId one = analysis::comparisons_of(compiled.policy, compiled.policy.rules[0].condition).front();
    CHECK(!analysis::is_whole(compiled.policy, one, 8));
    CHECK(analysis::is_whole(compiled.policy, one, 200));
    Seeded random(1);
    const auto points = analysis::points_of(compiled.policy, one, 8, random);
    const auto has = [&](const char* name) {
        return std::any_of(points.begin(), points.end(), [&](const ProbePoint& point) { return point.name == name; });
    };
    CHECK(has("0"));
    CHECK(has("1"));
    CHECK(has("199"));
    CHECK(has("200"));
}

// The generator is right about what it makes: the oracle says the same of nearly all points.
TEST_CASE("a packet at a point is there, and hinges on it") {
    const char* const conditions[] = {
        "tcp.dport in 20..30 and ip.src in 10.0.0.0/8 and not payload contains \"x\"",
        "(udp.dport == 53 or icmp.type == 8) and ip.ttl < 9",
        "vlan.id == 7 and (ip6 or ip.dscp == 46)",
        "dns.qtype == 16 and dns.answers > 3 and dns.is_response",
        "tls.sni ends_with \".example\" and tls.alpn == \"h2\"",
        "http.method == \"POST\" and http.host == \"a.example\"",
        "inner.tcp.dport == 22 and vxlan.vni == 9",
    };
    for (const char* condition : conditions) {
        const Compiled compiled = policy_of(condition);
        const policy::TypedPolicy& policy = compiled.policy;
        const policy::ExprId root = policy.rules[0].condition;
        oracle::Oracle oracle(policy);
        Seeded random(3);
        analysis::Aim aim(policy, random);
        std::size_t points = 0, right = 0;
        for (const policy::ExprId one : analysis::comparisons_of(policy, root))
            for (const ProbePoint& point : analysis::points_of(policy, one, 32, random)) {
                analysis::Probe probe(random);
                aim.hinge_on(probe, root, one);
                probe.apply(point);
                const packet::Packet packet(probe.packet.frame());
                ++points;
                right += oracle.holds(one, packet) == point.holds ? 1 : 0;
            }
        INFO(condition);
        CHECK(points > 8);
        CHECK(right * 10 >= points * 9);
    }
}
