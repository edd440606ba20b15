// Tested by tests/unit/tooling/own_tests_test.cpp.
#include "tooling/judge/own_tests.h"

#include <algorithm>
#include <ctime>

#include <fmt/format.h>

#include "grammar/base/printable.h"
#include "grammar/gitlab.h"
#include "grammar/sarif.h"

namespace weir::tooling {
namespace {

std::uint64_t processor_time_ms() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1000 + static_cast<std::uint64_t>(now.tv_nsec) / 1'000'000;
}

// "edge.rules:9: test "telnet is closed" failed in step 2: expected drop by telnet, got pass by default"
std::string line_of(const TestResult& result) {
    const TestFailure& failure = *result.failure;
    return fmt::format("{}:{}: test \"{}\" failed in {}: expected {}, got {}\n", printable(result.file), failure.line,
                       printable(result.name), place_of(failure), printable(failure.expected), printable(failure.got));
}

}  // namespace

Result<OwnTests> run_own_tests(const LoadedPolicy& loaded, OpenCapture open, std::uint64_t processor_ms) {
    OwnTests outcome;
    std::vector<const policy::Test*> own;
    for (const policy::Test& test : loaded.compiled->policy.tests)
        if (loaded.sources.name(test.span.file) == loaded.compiled->source_name) own.push_back(&test);
    outcome.tests = own.size();
    if (own.empty()) return outcome;
    Evaluators evaluators(*loaded.compiled);
    if (Status added = evaluators.add(Evaluator::kOracle); !added) return added.error();
    PolicyTests tests(loaded, evaluators, std::move(open));
    const std::uint64_t end_ms = processor_time_ms() + processor_ms;
    tests.stop_when([&] {
        outcome.is_complete = processor_time_ms() < end_ms;
        return !outcome.is_complete;
    });
    for (const policy::Test* test : own) {
        auto result = tests.run(*test);
        if (!result) return result.error();
        if (!outcome.is_complete && result->failure)
            result->failure->got =
                fmt::format("no end of the tests within {} s of processor time", processor_ms / 1000);
        auto& results = result->failure ? outcome.failed : outcome.passed;
        results.push_back(std::move(*result));
        if (!outcome.is_complete) break;
    }
    return outcome;
}

std::string render(const OwnTests& tests, const LoadedPolicy& loaded, const std::string& format) {
    if (tests.failed.empty()) return {};
    std::string text;
    if (is_document(format)) {
        SarifInput findings;
        for (const TestResult& result : tests.failed) findings.findings.push_back(sarif_finding(result));
        const std::vector<SarifInput> all{{&loaded.sources, &loaded.diagnostics, {}}, findings};
        return format == "sarif" ? sarif_document(all) : gitlab_report(all);
    }
    for (const TestResult& result : tests.failed)
        text += format == "json" ? json_line(result) : format == "github" ? github_annotation(result) : line_of(result);
    if (format == "human")
        text += fmt::format(
            "weir: {} of the policy's {} tests failed: it is not put in force\n"
            "      weir test runs them; --no-tests leaves them out\n",
            tests.failed.size(), tests.tests);
    return text;
}

}  // namespace weir::tooling
