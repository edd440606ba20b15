// Escalations in tests and replays; what responses change is in tests/verdict/reactions.rules.
#include <catch2/catch.hpp>

#include "tests/unit/tooling/judging.h"
#include "tooling/judge/evaluators.h"
#include "tooling/judge/reactions.h"
#include "tooling/judge/report.h"

using namespace weir;
using namespace weir::tooling;
using namespace weir::tests;

namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr const char* kPolicy = R"(
rule odd { when udp and ip.ttl == 1 then alert a }
rule all { when udp then alert a }
alert a {
    message "x"
    throttle 3 per ip.src every 1m
    escalate to soc when 2 within 10s per udp.dport
    escalate to desk when 5 within 1h per tcp.dport
}
sink soc = stdout()
sink desk = stdout()
)";

std::string escalations(const Judged& judged, const policy::TypedPolicy& policy) {
    const std::string line = json_line(1, packet::Direction::kIn, judged, policy);
    const std::size_t at = line.find("\"escalated\"");
    return at == std::string::npos ? std::string() : line.substr(at, line.size() - at - 2);
}

}  // namespace

TEST_CASE("an escalation counts the events that pass the throttle, in windows of its own, in every evaluator") {
    const LoadedPolicy loaded = loaded_policy(kPolicy);
    const Bytes frame = udp4();
    for (const std::string engine : {"oracle", "native", "kernel", "all"}) {
        if (engine != "oracle" && engine != "native" && !kernel_is_allowed()) continue;
        auto evaluators = Evaluators::create(*loaded.compiled, engine);
        REQUIRE(evaluators);
        for (int round = 0; round < 2; ++round) {  // begin() forgets
            REQUIRE(evaluators->begin());
            const auto at = [&](std::uint64_t seconds) {
                const auto answer = evaluators->judge(frame, seconds * kSecond);
                REQUIRE(answer);
                CHECK(answer->difference.empty());
                return escalations(answer->judged, loaded.compiled->policy);
            };
            INFO(engine << " round " << round);
            CHECK(at(0).empty());
            CHECK(at(9) == R"("escalated":[{"alert":"a","sink":"soc","events":2}])");
            CHECK(at(10).empty());  // the next window's first
            CHECK(at(11).empty());  // held back
            CHECK(at(59).empty());  // likewise
            CHECK(at(60).empty());  // the throttle's next window
            CHECK(at(61) ==
                  "\"escalated\":[{\"alert\":\"a\",\"sink\":\"soc\",\"events\":2},"
                  "{\"alert\":\"a\",\"sink\":\"desk\",\"events\":5}]");  // without the key: they share one
            CHECK(at(62).empty());
        }
    }
}
