// What the packets of tests met, and what they did not.
#include <algorithm>

#include "tests/unit/tooling/judging.h"
#include "tooling/judge/coverage.h"
#include "tooling/judge/policy_tests.h"

using namespace weir;
using namespace weir::tooling;
using namespace weir::tests;

namespace {

struct Covered {
    std::string text{}, json{}, said{};
    double percent = 0;
};

Covered covered(const std::string& policy) {
    const LoadedPolicy loaded = loaded_policy(policy);
    Evaluators evaluators(*loaded.compiled);
    REQUIRE(evaluators.add(Evaluator::kOracle));
    Coverage coverage(loaded.compiled->policy);
    PolicyTests tests(loaded, evaluators);
    tests.cover(coverage);
    for (const policy::Test& test : loaded.compiled->policy.tests) REQUIRE(tests.run(test));
    Covered covered{coverage.text(), coverage.json("test.rules"), {}, coverage.percent()};
    for (const Finding& finding : coverage.findings())
        covered.said += render(finding, loaded.sources, "human", Colour::kOff);
    return covered;
}

constexpr const char* kRules =
    "set bad : ip = { 10.0.0.1 }\n"
    "rule known { when ip.src in bad then alert a, drop }\n"
    "rule web { when tcp.dport == 80 or tcp.dport == 443 then drop }\n"
    "rule many { when udp and count(ip.src, in 10s) > 1 then drop }\n"
    "alert a { message \"x\" }\n";

}  // namespace

TEST_CASE("a condition is seen where it is reached, each way") {
    const Covered some = covered(std::string(kRules) + "test \"t\" { tcp 10.0.0.2:1 -> 10.0.0.3:80 => drop by web }\n");
    CHECK_THAT(some.text, Catch::StartsWith("coverage: 1 of 3 rules matched\n    never matched: known\n    never "
                                            "matched: many\n    never decided: default\n") &&
                              Catch::Contains("conditions, true and false: 2 of 8\n") &&
                              Catch::Contains("state terms, true and false: 0 of 2\n") &&
                              Catch::Contains("sets, hit and missed: 1 of 2\n") && Catch::Contains("alerts: 0 of 1\n"));
    CHECK_THAT(some.said, Catch::Contains("test.rules:3:36\n") &&
                              Catch::Contains("^^^^^^^^^^^^^^^^ never true, never false") &&
                              Catch::Contains("no packet of a test is in set `bad`") &&
                              Catch::Contains("no packet of a test matches rule `many`") &&
                              Catch::Contains("no packet of a test raises alert `a`"));
    CHECK_THAT(some.json, Catch::Contains(R"("conditions":{"met":2,"all":8})"));
}

TEST_CASE("tests that meet everything cover all") {
    const Covered all = covered(std::string(kRules) +
                                "test \"t\" { tcp 10.0.0.1:1 -> 10.0.0.3:80 => drop by known\n"
                                " tcp 10.0.0.2:1 -> 10.0.0.3:80 => drop by web\n"
                                " tcp 10.0.0.2:1 -> 10.0.0.3:443 => drop by web\n"
                                " tcp 10.0.0.2:1 -> 10.0.0.3:22 => pass\n"
                                " udp 10.0.0.2:1 -> 10.0.0.3:22 => pass\n"
                                " udp 10.0.0.2:1 -> 10.0.0.3:22 => drop by many\n"
                                " hex \"0200\" => pass by malformed }\n");
    CHECK(all.said == "");
    CHECK(all.percent == 100);
}

TEST_CASE("a direction that no test sends is not covered") {
    const Covered in =
        covered("rule r { egress when udp then drop }\ntest \"t\" { udp 10.0.0.1:1 -> 10.0.0.2:2 => pass }\n");
    CHECK_THAT(in.text, Catch::Contains("never decided: default egress") && Catch::Contains("0 of 1 rules"));
}
