// What the linter says of policies that judge both directions.
#include <catch2/catch.hpp>

#include <algorithm>
#include <string>

#include "compiler/analysis/lint.h"
#include "compiler/compiler.h"
#include "grammar/render.h"

using namespace weir;

namespace {

struct Analysed {
    Diagnostics diagnostics{};
    std::string said{};
    bool has(Code code) const {
        return std::any_of(diagnostics.all().begin(), diagnostics.all().end(),
                           [&](const Diagnostic& d) { return d.code == code; });
    }
};

Analysed analysed(const std::string& text) {
    Analysed result;
    Sources sources;
    const auto compiled = analyse(sources, "test.rules", text, {}, result.diagnostics);
    if (compiled) CHECK(analysis::lint(compiled->policy, result.diagnostics));
    result.said = render(sources, result.diagnostics, DiagnosticFormat::kHuman, Colour::kOff);
    return result;
}

}  // namespace

TEST_CASE("rules of one direction take no packets from those of the other", "[directions]") {
    const auto one_way = analysed("rule a { when tcp then drop } rule b { when tcp.dport == 22 then pass }");
    CHECK(one_way.has(Code::W401));
    const auto both = analysed("rule a { when tcp then drop } rule b { egress when tcp.dport == 22 then pass }");
    INFO(both.said);
    CHECK(both.said.empty());
    CHECK(analysed("rule a { egress when tcp then drop } rule b { egress when tcp.dport == 22 then pass }")
              .has(Code::W401));
}

TEST_CASE("a rule is redundant for later rules of its direction alone", "[directions]") {
    CHECK(analysed("default drop rule a { when tcp.dport == 22 then pass } rule b { when tcp then pass } "
                   "rule n { when arp then pass }")
              .has(Code::W402));
    CHECK_FALSE(analysed("default drop rule a { when tcp.dport == 22 then pass } rule b { egress when tcp then pass } "
                         "rule n { when arp then pass }")
                    .has(Code::W402));
}

TEST_CASE("what packets on their way out lack", "[directions]") {
    CHECK(analysed("rule a { egress when tcp and rx_queue == 0 then drop }").has(Code::W453));
    CHECK(analysed("rule a { egress when rate(rx_queue) > 1/s then drop }").has(Code::W453));
    CHECK_FALSE(analysed("rule a { when tcp and rx_queue == 0 then drop } rule b { egress when udp then drop }")
                    .has(Code::W453));
}

TEST_CASE("neighbours are needed on the way out, too", "[directions]") {
    const auto silent = analysed("default egress drop rule web { egress when tcp.sport == 80 then pass }");
    CHECK(silent.has(Code::W407));
    CHECK_THAT(silent.said, Catch::Contains("on their way out"));
    CHECK_FALSE(analysed("default egress drop rule web { egress when tcp.sport == 80 or arp or "
                         "icmp6.type in 133..137 then pass }")
                    .has(Code::W407));
}

TEST_CASE("verdicts of packets on their way out", "[directions]") {
    CHECK(analysed("rule a { egress when tcp then reject }").has(Code::E390));
    CHECK(analysed("default egress reject").has(Code::E390));
    CHECK(analysed("rule a { egress when tcp then drop } test \"t\" { tcp 192.0.2.1:1 -> 192.0.2.2:2 => drop by a }")
              .has(Code::E391));
    CHECK(analysed("rule a { when tcp then drop } test \"t\" { out tcp 192.0.2.1:1 -> 192.0.2.2:2 => drop by a }")
              .has(Code::E391));
}
