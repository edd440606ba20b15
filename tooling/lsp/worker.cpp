// Tested by tests/lsp/client_test.py with `"weir.runTest"`.
#include "tooling/lsp/worker.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "tooling/judge/evaluators.h"
#include "tooling/judge/policy_tests.h"

namespace weir::tooling::lsp {
namespace {

constexpr std::uint64_t kMostTest_ms = 10'000;  // of the thread's processor time: somebody waits

std::uint64_t processor_time_ms() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1000 + static_cast<std::uint64_t>(now.tv_nsec) / 1'000'000;
}

}  // namespace

TestOutcome run_tests(const TestRun& run) {
    TestOutcome outcome{run.request, run.input.path, run.input.version, {}, {}};
    const LoadedPolicy loaded = analyse_unsaved(run.input.path, run.input.buffers, run.input.options);
    if (!loaded.compiled) {
        outcome.error = failure_of(loaded, run.input.path).message;
        return outcome;
    }
    Evaluators evaluators(*loaded.compiled);
    if (Status added = evaluators.add(Evaluator::kOracle); !added) {
        outcome.error = added.error().message;
        return outcome;
    }
    PolicyTests tests(loaded, evaluators);
    const std::uint64_t end_ms = processor_time_ms() + kMostTest_ms;
    tests.stop_when([&] { return processor_time_ms() >= end_ms; });
    for (const policy::Test& test : loaded.compiled->policy.tests) {
        const bool is_asked =
            run.names.empty() || std::find(run.names.begin(), run.names.end(), test.name) != run.names.end();
        if (!is_asked || loaded.sources.name(test.span.file) != loaded.compiled->source_name) continue;
        auto result = tests.run(test);
        if (!result) {
            outcome.error = result.error().message;
            return outcome;
        }
        outcome.results.push_back(std::move(*result));
    }
    if (outcome.results.empty()) outcome.error = "there is no such test in this file";
    return outcome;
}

Outcomes::Outcomes() : event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

void Outcomes::put(Outcome outcome) {
    {
        const std::lock_guard guard(lock_);
        waiting_.push_back(std::move(outcome));
    }
    const std::uint64_t one = 1;
    static_cast<void>(write(event_.get(), &one, sizeof one) == 0);
}

std::vector<Outcome> Outcomes::take() {
    std::uint64_t count = 0;
    static_cast<void>(read(event_.get(), &count, sizeof count) == 0);
    const std::lock_guard guard(lock_);
    return std::exchange(waiting_, {});
}

Worker::Worker(Analyse analyse, std::chrono::milliseconds quiet, Outcomes& outcomes)
    : analyse_(analyse), quiet_(quiet), outcomes_(outcomes) {
    thread_ = std::thread([this] { run(); });
}

Worker::~Worker() {
    {
        const std::lock_guard guard(lock_);
        ends_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

void Worker::submit(AnalysisInput input) {
    {
        const std::lock_guard guard(lock_);
        const std::string path = input.path;
        waiting_[path] = {std::move(input), Clock::now() + quiet_};
    }
    changed_.notify_all();
}

void Worker::submit(TestRun run) {
    {
        const std::lock_guard guard(lock_);
        tests_.push_back(std::move(run));
    }
    changed_.notify_all();
}

void Worker::run() {
    std::unique_lock guard(lock_);
    while (!ends_) {
        const auto first = std::min_element(waiting_.begin(), waiting_.end(),
                                            [](const auto& a, const auto& b) { return a.second.due < b.second.due; });
        if (!tests_.empty()) {
            const TestRun test = std::move(tests_.front());
            tests_.pop_front();
            guard.unlock();
            outcomes_.put(run_tests(test));
            guard.lock();
        } else if (first == waiting_.end()) {
            changed_.wait(guard);
        } else if (first->second.due > Clock::now()) {
            const Clock::time_point due = first->second.due;
            changed_.wait_until(guard, due);
        } else {
            const AnalysisInput input = std::move(first->second.input);
            waiting_.erase(first);
            guard.unlock();
            outcomes_.put(analyse_(input));
            guard.lock();
        }
    }
}

}  // namespace weir::tooling::lsp
