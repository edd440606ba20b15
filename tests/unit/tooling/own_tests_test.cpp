// The tests of a policy's own file, as they run before it is put in force.
#include <catch2/catch.hpp>

#include "tests/unit/tooling/captures.h"
#include "tests/unit/tooling/judging.h"
#include "tooling/judge/own_tests.h"

using namespace weir;
using namespace weir::tooling;
using namespace weir::tests;

namespace {

constexpr std::uint64_t kLong_ms = 600'000;
constexpr const char* kRule = "rule telnet { when tcp.dport == 23 then drop }\n";
constexpr const char* kHolds = "test \"telnet\" { tcp 10.0.0.1:1 -> 10.0.0.2:23 => drop by telnet }\n";
constexpr const char* kFails =
    "test \"web\" {\n  tcp 10.0.0.1:1 -> 10.0.0.2:22 => pass\n  tcp 10.0.0.1:1 -> 10.0.0.2:80 => drop\n}\n";

Result<Capture> no_captures(const std::string& path) { return Error{path + " is not there", {}, 0}; }

OwnTests run(const LoadedPolicy& loaded, std::uint64_t processor_ms = kLong_ms) {
    auto tests = run_own_tests(loaded, no_captures, processor_ms);
    REQUIRE(tests);
    return std::move(*tests);
}

}  // namespace

TEST_CASE("own tests that hold say nothing") {
    const LoadedPolicy loaded = loaded_policy(std::string(kRule) + kHolds);
    const OwnTests tests = run(loaded);
    CHECK(tests.tests == 1);
    CHECK(tests.failed.empty());
    CHECK(render(tests, loaded, "human").empty());
    CHECK(run(loaded_policy(kRule)).tests == 0);
}

TEST_CASE("own tests that fail are reported with place, step, and what came instead, in each format") {
    const LoadedPolicy loaded = loaded_policy(std::string(kRule) + kHolds + kFails);
    const OwnTests tests = run(loaded);
    CHECK(tests.tests == 2);
    REQUIRE(tests.failed.size() == 1);
    CHECK(render(tests, loaded, "human") ==
          "test.rules:5: test \"web\" failed in step 2: expected drop, got pass by default\n"
          "weir: 1 of the policy's 2 tests failed: it is not put in force\n"
          "      weir test runs them; --no-tests leaves them out\n");
    CHECK(render(tests, loaded, "json").find(R"("ok":false,"engine":"oracle","step":2,"expected":"drop")") !=
          std::string::npos);
    CHECK(render(tests, loaded, "github").starts_with("::error "));
    CHECK(render(tests, loaded, "sarif").find("\"test-failed\"") != std::string::npos);
}

TEST_CASE("tests of imports are none of the policy's own") {
    sema::Files files;
    files.read = [](const std::string&) { return Result<std::string>(std::string(kRule) + kFails); };
    const LoadedPolicy loaded = analyse_text("/a/test.rules", "import \"b.rules\"\n", files, {});
    INFO(render(loaded.sources, loaded.diagnostics, DiagnosticFormat::kHuman, Colour::kOff));
    REQUIRE(loaded.compiled);
    REQUIRE(loaded.compiled->policy.tests.size() == 1);
    const OwnTests tests = run(loaded);
    CHECK(tests.tests == 0);
    CHECK(tests.failed.empty());
}

TEST_CASE("own tests that do not end in their time fail where they are, and no other runs") {
    const LoadedPolicy loaded = loaded_policy(
        std::string(kRule) + "test \"long\" { 100000 x tcp 10.0.0.1:1 -> 10.0.0.2:22 => pass }\n" + kFails);
    const OwnTests tests = run(loaded, 0);
    CHECK_FALSE(tests.is_complete);
    REQUIRE(tests.failed.size() == 1);
    CHECK(tests.failed[0].failure->step == 1);
    CHECK(tests.failed[0].failure->got == "no end of the tests within 0 s of processor time");
}

TEST_CASE("a capture that is missing is a test that fails") {
    const LoadedPolicy loaded = loaded_policy(std::string(kRule) + "test \"c\" { replay \"c.pcap\" => pass }\n");
    const OwnTests tests = run(loaded);
    REQUIRE(tests.failed.size() == 1);
    CHECK(tests.failed[0].failure->got.find("is not there") != std::string::npos);
}
