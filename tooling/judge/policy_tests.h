// Runs the `test` blocks that a policy carries.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "compiler/policy/typed_policy.h"
#include "grammar/base/result.h"
#include "tooling/files/policy_file.h"
#include "tooling/judge/capture.h"
#include "tooling/judge/coverage.h"
#include "tooling/judge/evaluators.h"
#include "tooling/judge/report.h"

namespace weir::tooling {

// The capture that a test's `replay` names.
using OpenCapture = std::function<Result<Capture>(const std::string& path)>;

class PolicyTests {
public:
    // All three outlive this. `loaded` has a policy.
    PolicyTests(const LoadedPolicy& loaded, Evaluators& evaluators, OpenCapture open = Capture::open_regular);
    ~PolicyTests();
    PolicyTests(const PolicyTests&) = delete;
    PolicyTests& operator=(const PolicyTests&) = delete;

    // From empty state, with the clock at 0. A test with a frame that the kernel does not take is judged wholly without
    // it. A step fails at its first packet that goes wrong, or where its capture cannot be read; errors are the world's
    // (the kernel).
    Result<TestResult> run(const policy::Test& test);
    // Asked at times while packets are judged, the first of each test among them: where it says true, the test that
    // runs fails there.
    void stop_when(std::function<bool()> is_over) { is_over_ = std::move(is_over); }
    // Notes there what the packets of tests meet, from the next test on. The oracle is among the evaluators.
    void cover(Coverage& coverage);

private:
    using Outcome = Result<std::optional<TestFailure>>;
    struct Shown {
        std::span<const std::uint8_t> frame;
        std::string_view interface;
        packet::Direction direction;
    };

    Evaluators::Kernel fit(const policy::Test& test) const;
    Outcome run_steps(const policy::Test& test);
    Outcome run_step(const policy::TestStep& step);
    Outcome replay(const policy::ReplayCapture& capture);
    Outcome check_member(const policy::ExpectMember& expect);
    Outcome judge(const Shown& shown, const policy::Expectation& expect);
    Outcome judge_next(const Shown& shown, const policy::Expectation& expect);
    Outcome check_alerts(const policy::Expectation& expect);
    bool is_over();

    const LoadedPolicy& loaded_;
    const policy::TypedPolicy& policy_;
    Evaluators& evaluators_;
    OpenCapture open_;
    Coverage* coverage_ = nullptr;
    std::function<bool()> is_over_{};
    std::uint64_t asked_ = 0;
    std::uint64_t now_ns_ = 0;
    std::uint64_t judged_ = 0;                         // packets of this step
    std::map<std::uint32_t, std::uint64_t> alerts_{};  // of this step, by alert
};

}  // namespace weir::tooling
