// Tested by tests/unit/tooling/policy_tests_test.cpp and tests/cli/answers_test.py.
#include "compiler/policy/verdict.h"
#include "tooling/judge/policy_tests.h"

#include <chrono>

#include <fmt/format.h>

namespace weir::tooling {
namespace {

std::optional<TestFailure> nothing() { return std::nullopt; }
std::optional<TestFailure> failure(const std::string& expected, std::string got) {
    return TestFailure{0, 0, expected, std::move(got), 0};
}

}  // namespace

PolicyTests::PolicyTests(const LoadedPolicy& loaded, Evaluators& evaluators, OpenCapture open)
    : loaded_(loaded), policy_(loaded.compiled->policy), evaluators_(evaluators), open_(std::move(open)) {}

PolicyTests::~PolicyTests() {
    if (coverage_ != nullptr) evaluators_.watch({});
}

void PolicyTests::cover(Coverage& coverage) {
    coverage_ = &coverage;
    evaluators_.watch(
        [&coverage](const oracle::Oracle& oracle, const oracle::Tried& tried) { coverage.see(oracle, tried); });
}

// What cannot be read is said where its step runs.
Evaluators::Kernel PolicyTests::fit(const policy::Test& test) const {
    for (const policy::TestStep& step : test.steps) {
        if (const auto* send = std::get_if<policy::SendFrames>(&step.node))
            for (const std::vector<std::uint8_t>& frame : send->frames)
                if (!kernel_takes(frame, send->direction)) return Evaluators::Kernel::kNot;
        if (const auto* replay = std::get_if<policy::ReplayCapture>(&step.node))
            if (auto capture = open_(replay->path))
                if (const auto facts = capture->facts(); facts && !kernel_takes(*facts, policy_))
                    return Evaluators::Kernel::kNot;
    }
    return Evaluators::Kernel::kTakesAll;
}

Result<TestResult> PolicyTests::run(const policy::Test& test) {
    const auto begin = std::chrono::steady_clock::now();
    const bool has_kernel = evaluators_.has(Evaluator::kKernel);
    const Evaluators::Kernel kernel = has_kernel ? fit(test) : Evaluators::Kernel::kTakesAll;
    if (Status ready = evaluators_.begin(kernel); !ready) return ready.error();
    auto failure = run_steps(test);
    if (!failure) return failure.error();
    TestResult result{test.name,
                      loaded_.sources.name(test.span.file),
                      loaded_.sources.position(test.span.file, test.span.begin).line,
                      evaluators_.engine(),
                      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(),
                      std::move(*failure),
                      {}};
    if (kernel == Evaluators::Kernel::kNot) result.note = without_kernel(evaluators_);
    if (!evaluators_.compares()) result.note += (result.note.empty() ? "" : "; ") + std::string(kNotCompared);
    return result;
}

PolicyTests::Outcome PolicyTests::run_steps(const policy::Test& test) {
    now_ns_ = 0;
    asked_ = 0;
    for (std::size_t i = 0; i < test.steps.size(); ++i) {
        auto failure = run_step(test.steps[i]);
        if (!failure) return failure.error();
        if (!*failure) continue;
        (*failure)->step = i + 1;
        (*failure)->line = loaded_.sources.position(test.steps[i].span.file, test.steps[i].span.begin).line;
        return failure;
    }
    return nothing();
}

PolicyTests::Outcome PolicyTests::run_step(const policy::TestStep& step) {
    alerts_.clear();
    judged_ = 0;
    if (const auto* send = std::get_if<policy::SendFrames>(&step.node)) {
        const bool is_one = send->times == 1 && send->frames.size() == 1;
        for (std::uint64_t i = 0; i < send->times; ++i) {
            for (const std::vector<std::uint8_t>& frame : send->frames) {
                const Shown shown{frame, send->interface, send->direction};
                Outcome failure = is_one ? judge(shown, send->expect) : judge_next(shown, send->expect);
                if (!failure || *failure) return failure;
            }
        }
        return check_alerts(send->expect);
    }
    if (const auto* advance = std::get_if<policy::AdvanceClock>(&step.node)) {
        now_ns_ += advance->ns;
        return nothing();
    }
    if (const auto* expect = std::get_if<policy::ExpectMember>(&step.node)) return check_member(*expect);
    return replay(std::get<policy::ReplayCapture>(step.node));
}

PolicyTests::Outcome PolicyTests::check_member(const policy::ExpectMember& expect) {
    auto membership = evaluators_.contains(expect.set, expect.entry, now_ns_);
    if (!membership) return membership.error();
    if (!membership->difference.empty())
        return failure(expect.text, "evaluators that differ: " + membership->difference);
    if (membership->contains != expect.negated) return nothing();
    return failure(expect.text, membership->contains ? "it contains it" : "it does not contain it");
}

// The capture's first packet comes now; the others as long after it as their stamps say.
PolicyTests::Outcome PolicyTests::replay(const policy::ReplayCapture& step) {
    auto capture = open_(step.path);
    if (!capture) return failure(step.expect.text, capture.error().message);
    const std::uint64_t begin_ns = now_ns_;
    std::optional<std::uint64_t> first_ns;
    for (;;) {
        const auto frame = capture->next();
        if (!frame) return failure(step.expect.text, frame.error().message);
        if (!*frame) return check_alerts(step.expect);
        if (!first_ns) first_ns = (*frame)->time_ns;
        now_ns_ = begin_ns + ((*frame)->time_ns - *first_ns);
        Outcome outcome = judge_next(
            {(*frame)->bytes, (*frame)->interface, (*frame)->direction.value_or(packet::Direction::kIn)}, step.expect);
        if (!outcome || *outcome) return outcome;
    }
}

// Reading the clock takes as long as the oracle takes for a packet.
bool PolicyTests::is_over() {
    constexpr std::uint64_t kInterval = 64;
    return is_over_ && asked_++ % kInterval == 0 && is_over_();
}

// One of several: a failure names its number.
PolicyTests::Outcome PolicyTests::judge_next(const Shown& shown, const policy::Expectation& expect) {
    ++judged_;
    Outcome outcome = judge(shown, expect);
    if (outcome && *outcome) (*outcome)->packet = judged_;
    return outcome;
}

PolicyTests::Outcome PolicyTests::judge(const Shown& shown, const policy::Expectation& expect) {
    if (is_over()) return failure(expect.text, "no end");
    auto answer = evaluators_.judge(shown.frame, now_ns_, shown.interface, shown.direction);
    if (!answer) return answer.error();
    if (!answer->difference.empty()) return failure(expect.text, "evaluators that differ: " + answer->difference);
    const Judged& judged = answer->judged;
    if (coverage_ != nullptr) coverage_->add(judged, shown.direction);
    for (const std::uint32_t alert : judged.alerts) ++alerts_[alert];
    const bool verdict = !expect.verdict || (policy::verdict_number(expect.verdict->kind) == judged.verdict &&
                                             expect.verdict->interface == redirected_to(judged, policy_));
    const bool rule =
        !expect.rule || (judged.by == Judged::By::kRule && judged.rule == static_cast<std::uint32_t>(*expect.rule));
    const bool by = (!expect.by_default || judged.by == Judged::By::kDefault) &&
                    (!expect.by_malformed || judged.by == Judged::By::kMalformed);
    if (verdict && rule && by) return nothing();
    return failure(expect.text, describe(judged, policy_));
}

PolicyTests::Outcome PolicyTests::check_alerts(const policy::Expectation& expect) {
    std::string wrong;
    for (const policy::ExpectedAlert& alert : expect.alerts) {
        const std::uint64_t times = alerts_[static_cast<std::uint32_t>(alert.alert)];
        if (alert.times ? times != *alert.times : times == 0)
            wrong += fmt::format("{}alert {} {} times", wrong.empty() ? "" : ", ",
                                 policy_.alerts[static_cast<std::size_t>(alert.alert)].name, times);
    }
    if (expect.no_alert)
        for (const auto& [alert, times] : alerts_)
            wrong += fmt::format("{}alert {}", wrong.empty() ? "" : ", ", policy_.alerts[alert].name);
    if (wrong.empty()) return nothing();
    return failure(expect.text, wrong);
}

}  // namespace weir::tooling
