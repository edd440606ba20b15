// The tests of a policy's own file, before it is put in force: on the oracle, within a bound of time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "grammar/base/result.h"
#include "tooling/files/policy_file.h"
#include "tooling/judge/policy_tests.h"
#include "tooling/judge/report.h"

namespace weir::tooling {

struct OwnTests {
    std::size_t tests = 0;  // in the policy's own file
    std::vector<TestResult> failed{}, passed{};
    bool is_complete = true;  // false: the time ended; the test that ran then is the last of `failed`
};

// Tests of imports are left out. `processor_ms`: of this thread, so that a busy machine refuses no policy. `loaded` has
// a policy. Errors are the world's.
Result<OwnTests> run_own_tests(const LoadedPolicy& loaded, OpenCapture open, std::uint64_t processor_ms);

// Lines in the format that was asked for (PolicyOptions::format) of what failed; empty where nothing did. In SARIF it
// is one document with the policy's diagnostics.
std::string render(const OwnTests& tests, const LoadedPolicy& loaded, const std::string& format);

}  // namespace weir::tooling
