// What rules cost, as estimated.
#include <catch2/catch.hpp>

#include <string>

#include <fmt/format.h>

#include "compiler/compiler.h"
#include "compiler/ir/rule_costs.h"

using namespace weir;

namespace {

std::vector<ir::RuleCost> costs_of(const std::string& text) {
    Sources sources;
    Diagnostics diagnostics;
    const auto compiled = analyse(sources, "costs.rules", text, {}, diagnostics);
    REQUIRE(compiled);
    return ir::rule_costs(compiled->decision);
}

}  // namespace

TEST_CASE("of straight code a rule costs its own comparisons after those of earlier rules") {
    const auto costs = costs_of(
        "rule a { when tcp.dport == 22 then drop }\n"
        "rule b { when udp.dport == 53 and ip.ttl < 5 then drop }\n"
        "rule c { when icmp and rate(ip.src) > 5/s then drop }\n");
    REQUIRE(costs.size() == 3);
    CHECK(costs[0].before == 0);
    CHECK(costs[1].before == costs[0].comparisons);
    CHECK(costs[2].before == costs[0].comparisons + costs[1].comparisons);
    CHECK(costs[1].comparisons > costs[0].comparisons);
    CHECK(costs[0].terms == 0);
    CHECK(costs[2].terms == 1);
    CHECK(costs[2].ns > costs[1].ns + ir::kTermNs - 1);
}

TEST_CASE("a search of the payload is dear, and rules of the other direction cost nothing") {
    const auto costs = costs_of(
        "rule a { when tcp.dport == 22 then drop }\n"
        "rule out { egress when udp.dport == 53 then drop }\n"
        "rule b { when payload contains \"abc\" then drop }\n");
    CHECK(costs[1].comparisons == 0);
    CHECK(costs[1].ns == 0);
    CHECK(costs[2].ns > costs[0].ns + 100);
}

TEST_CASE("of a forest no rule is behind others") {
    std::string text;
    for (int i = 0; i < 200; ++i)
        text += fmt::format("rule r{} {{ when tcp.dport == {} and ip.src in 10.{}.0.0/16 then drop }}\n", i, i + 1, i);
    const auto costs = costs_of(text);
    CHECK(costs[199].before == 0);
    CHECK(costs[199].ns > 0);
    CHECK(costs[199].ns == costs[0].ns);
}
