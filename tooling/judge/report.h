// What packets and tests came to, for other programs: docs/cli.md has the formats.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "compiler/policy/typed_policy.h"
#include "grammar/base/result.h"
#include "grammar/sarif.h"
#include "tooling/files/policy_file.h"
#include "tooling/judge/judged.h"

namespace weir::tooling {

struct TestFailure {
    std::size_t step = 0;    // from 1
    std::uint32_t line = 0;  // of the step
    std::string expected{};
    std::string got{};
    std::uint64_t packet = 0;  // of the step, from 1; 0: the step has one, or the fault is none of a packet
};
struct TestResult {
    std::string name{};
    std::string file{};
    std::uint32_t line = 0;
    std::string engine{};  // docs/cli.md: who judged
    double seconds = 0;
    std::optional<TestFailure> failure{};  // nothing: the test holds
    std::string note{};                    // where evaluators were left out or not compared: why; else empty
};

// A policy whose tests could not run: it was refused, or could not be read.
struct PolicyFailure {
    std::string file{};
    std::uint32_t line = 1;
    std::string message{};  // "E201: unknown field `tcp.dprot`"
};
// Of the first error; `path` as the command line has it. `loaded` has no policy.
PolicyFailure failure_of(const LoadedPolicy& loaded, const std::string& path);

// "step 2", "step 2, packet 51"
std::string place_of(const TestFailure& failure);

// One object and a newline: of a test, of a packet (`number` from 1).
std::string json_line(const TestResult& result);
std::string json_line(std::uint64_t number, packet::Direction direction, const Judged& judged,
                      const policy::TypedPolicy& policy);
// A test that failed, for GitHub and as a finding of SARIF.
std::string github_annotation(const TestResult& result);
SarifFinding sarif_finding(const TestResult& result);
// JUnit's XML, as CI systems read it: a suite a file. A policy that was refused is an `error` in its suite.
Status write_junit(const std::string& path, const std::vector<TestResult>& results,
                   const std::vector<PolicyFailure>& refused);

}  // namespace weir::tooling
