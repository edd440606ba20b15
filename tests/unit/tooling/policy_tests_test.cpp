// The `test` blocks of a policy: what holds, what fails and where, and who judged.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "tests/unit/tooling/captures.h"
#include "tests/unit/tooling/judging.h"
#include "tooling/judge/policy_tests.h"

using namespace weir;
using namespace weir::tooling;
using namespace weir::tests;

namespace {

std::string text_of(const Bytes& frame) { return {frame.begin(), frame.end()}; }

// The policy's tests on one evaluator; captures by name.
class Run {
public:
    Run(const std::string& policy, const std::string& engine, std::map<std::string, std::string> captures = {})
        : loaded_(loaded_policy(policy)), captures_(std::move(captures)) {
        auto evaluators = Evaluators::create(*loaded_.compiled, engine);
        REQUIRE(evaluators);
        PolicyTests tests(loaded_, *evaluators, [&](const std::string& path) -> Result<Capture> {
            if (const auto found = captures_.find(path); found != captures_.end())
                return Capture::of_bytes(path, found->second);
            return Error{path + " is not there", {}, 0};
        });
        for (const policy::Test& test : loaded_.compiled->policy.tests) {
            auto result = tests.run(test);
            REQUIRE(result);
            results.push_back(*result);
        }
    }
    // "2: drop, got pass by default"; empty where the test holds.
    std::string failure(std::size_t test) const {
        const auto& failure = results.at(test).failure;
        return failure ? fmt::format("{}: {}, got {}", failure->step, failure->expected, failure->got) : "";
    }

    std::vector<TestResult> results{};

private:
    LoadedPolicy loaded_;
    std::map<std::string, std::string> captures_;
};

constexpr const char* kRules =
    "set seen : ip\nrule again { when ip.src in seen then alert a, drop }\n"
    "rule first { when udp then add ip.src to seen for 10s }\nrule never { when sctp then drop }\n"
    "alert a { message \"x\" }\n";

}  // namespace

TEST_CASE("a test that holds, and those that fail at a packet, a verdict, an alert, a member") {
    const std::string policy =
        std::string(kRules) +
        "test \"holds\" { 2 x tcp 1.2.3.4:5 -> 1.2.3.5:6 => pass by default, no alert\n"
        "  udp 1.2.3.4:5 -> 1.2.3.5:6 => pass\n  expect seen contains 1.2.3.4\n"
        "  tcp 1.2.3.4:5 -> 1.2.3.5:6 => drop by again, alert a 1 times\n  after 10s\n"
        "  expect seen not contains 1.2.3.4\n  tcp 1.2.3.4:5 -> 1.2.3.5:6 => pass }\n"
        "test \"verdict\" { tcp 1.2.3.4:5 -> 1.2.3.5:6 => pass\n tcp 1.2.3.4:5 -> 1.2.3.5:6 => drop }\n"
        "test \"rule\" { 2 x udp 1.2.3.4:5 -> 1.2.3.5:6 => pass by first }\n"
        "test \"alerts\" { udp 1.2.3.4:5 -> 1.2.3.5:6 => pass\n"
        "  3 x udp 1.2.3.4:5 -> 1.2.3.5:6 => drop, alert a 2 times }\n"
        "test \"member\" { expect seen contains 1.2.3.4 }\n";
    for (const std::string engine : {"oracle", "native"}) {
        INFO(engine);
        const Run run(policy, engine);
        CHECK(run.failure(0).empty());
        CHECK(run.failure(1) == "2: drop, got pass by default");
        CHECK_THAT(run.failure(2), Catch::StartsWith("1: pass by first, got "));
        CHECK_THAT(run.failure(3), Catch::EndsWith("got alert a 3 times"));
        CHECK(run.failure(4) == "1: expect seen contains 1.2.3.4, got it does not contain it");
        CHECK(run.results[1].failure->line == 14);
        CHECK(run.results[0].engine == engine);
        CHECK(run.results[0].note.empty());
    }
}

TEST_CASE("a step of several packets that fails names the packet") {
    const std::string policy =
        "rule over { when udp and count(ip.src, in 10s) > 4 then drop }\nrule shut { when tcp.dport == 3 then drop }\n"
        "test \"times\" { 3 x udp 1.2.3.4:5 -> 1.2.3.5:6 => pass\n 4 x udp 1.2.3.4:5 -> 1.2.3.5:6 => pass }\n"
        "test \"ports\" { 2 x tcp 1.2.3.4:5 -> 1.2.3.5:{1..4} => pass }\n"
        "test \"one\" { tcp 1.2.3.4:5 -> 1.2.3.5:3 => pass }\n"
        "test \"alerts\" { 2 x tcp 1.2.3.4:5 -> 1.2.3.5:3 => drop, alert a }\nalert a { message \"x\" }\n";
    const Run run(policy, "oracle");
    CHECK(place_of(*run.results[0].failure) == "step 2, packet 2");
    CHECK(place_of(*run.results[1].failure) == "step 1, packet 3");
    CHECK(place_of(*run.results[2].failure) == "step 1");
    CHECK(place_of(*run.results[3].failure) == "step 1");
    CHECK_THAT(json_line(run.results[1]), Catch::Contains(R"("step":1,"packet":3,"expected":"pass")"));
}

TEST_CASE("captures of tests: their clock, and what cannot be read fails at its step") {
    const std::string frame = text_of(udp4());
    const std::map<std::string, std::string> captures{
        {"near.pcap", pcap_head() + pcap_packet(frame, 1'000'000) + pcap_packet(frame, 1'000'009)},
        {"far.pcap", pcap_head() + pcap_packet(frame, 7) + pcap_packet(frame, 17)},
        {"cut.pcap", pcap_head() + pcap_packet(frame) + "x"}};
    const Run run(std::string(kRules) +
                      "test \"far\" { replay \"far.pcap\" => pass, no alert }\n"
                      "test \"near\" { after 1h\n replay \"near.pcap\" => pass }\n"
                      "test \"cut\" { replay \"cut.pcap\" => pass }\n"
                      "test \"none\" { replay \"none.pcap\" => pass }\n",
                  "oracle", captures);
    CHECK(run.failure(0).empty());
    CHECK(run.failure(1) == "2: pass, got drop by again, alert a");
    CHECK_THAT(run.failure(2), Catch::StartsWith("1: pass, got cut.pcap cannot be read whole: it is cut short"));
    CHECK(run.failure(3) == "1: pass, got none.pcap is not there");
}

TEST_CASE("frames that the kernel does not take, in a step or a capture: the whole test is judged without it") {
    const std::string long_frame = text_of(udp4({}, zeros(4000))), frame = text_of(udp4());
    const std::string policy =
        std::string(kRules) +
        "test \"capture\" { replay \"long.pcap\" => pass\n udp 198.51.100.7:5 -> 1.2.3.5:6 => drop by again }\n"
        "test \"runt\" { hex \"0102\" => pass by malformed\n 2 x udp 1.2.3.4:5 -> 1.2.3.5:6 => pass\n }\n"
        "test \"usual\" { udp 1.2.3.4:5 -> 1.2.3.5:6 => pass }\n";
    const std::map<std::string, std::string> captures{{"long.pcap", pcap_head() + pcap_packet(long_frame)}};
    for (const std::string engine : {"kernel", "all"}) {
        if (!kernel_is_allowed()) continue;
        INFO(engine);
        const Run run(policy, engine, captures);
        CHECK(run.failure(0).empty());
        CHECK_THAT(run.failure(1), Catch::StartsWith("2: pass, got drop by again"));
        CHECK(run.failure(2).empty());
        const std::string instead = engine == "all" ? "all" : "native";
        CHECK(run.results[0].engine == instead);
        CHECK(run.results[1].engine == instead);
        CHECK(run.results[2].engine == engine);
        CHECK_THAT(run.results[0].note, Catch::Contains("judged by the native"));
        CHECK(!run.results[1].note.empty());
        CHECK(run.results[2].note.empty());
    }
}
