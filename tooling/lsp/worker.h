// A thread that analyses policies beside the one that talks to the editor.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "runtime/handles.h"
#include "tooling/judge/report.h"
#include "tooling/lsp/findings.h"

namespace weir::tooling::lsp {

// `weir.runTest`: the tests of these names, all without.
struct TestRun {
    AnalysisInput input{};
    std::vector<std::string> names{};
    Json request{};  // the id to reply to
};
struct TestOutcome {
    Json request{};
    std::string path{};
    std::int64_t version = 0;
    std::string error{};  // why none ran
    std::vector<TestResult> results{};
};
using Outcome = std::variant<PolicyFindings, TestOutcome>;

// The tests of the document's own file, on the oracle: it needs no privileges and starts at once.
TestOutcome run_tests(const TestRun& run);

// What workers have found, for the thread that asks. Readable when there is something.
class Outcomes {
public:
    Outcomes();
    int fd() const { return event_.get(); }
    void put(Outcome outcome);
    std::vector<Outcome> take();

private:
    runtime::UniqueFd event_;
    std::mutex lock_{};
    std::vector<Outcome> waiting_{};
};

class Worker {
public:
    using Analyse = PolicyFindings (*)(const AnalysisInput&);
    // A document is analysed once nothing new has come for it for `quiet`.
    Worker(Analyse analyse, std::chrono::milliseconds quiet, Outcomes& outcomes);
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    // In place of what is waiting for the same document.
    void submit(AnalysisInput input);
    void submit(TestRun run);

private:
    using Clock = std::chrono::steady_clock;
    struct Waiting {
        AnalysisInput input{};
        Clock::time_point due{};
    };
    void run();

    const Analyse analyse_;
    const std::chrono::milliseconds quiet_;
    Outcomes& outcomes_;
    std::mutex lock_{};
    std::condition_variable changed_{};
    bool ends_ = false;
    std::map<std::string, Waiting> waiting_{};
    std::deque<TestRun> tests_{};
    std::thread thread_{};
};

}  // namespace weir::tooling::lsp
