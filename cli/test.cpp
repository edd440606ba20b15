// weir test: do a policy's own tests hold?
#include <fnmatch.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/load.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "tooling/files/policy_file.h"
#include "tooling/judge/capture.h"
#include "tooling/judge/coverage.h"
#include "tooling/judge/evaluators.h"
#include "tooling/judge/report.h"

namespace weir::cli {
namespace {

struct TestArguments {
    tooling::PolicyOptions options{};
    std::vector<std::string> files{};
    std::string engine{};
    std::string junit{};
    std::string filter = "*";
    bool coverage = false;
};

// One test on one set of evaluators. A step fails at its first wrong packet.
class TestRun {
public:
    TestRun(const tooling::LoadedPolicy& loaded, tooling::Evaluators& engines, tooling::Coverage& coverage)
        : loaded_(loaded), policy_(loaded.compiled->policy), engines_(engines), coverage_(coverage) {}

    // Nothing where it holds. The world's faults (a capture that cannot be read, the kernel) are errors.
    Result<std::optional<tooling::TestFailure>> run(const policy::Test& test) {
        if (Status forgotten = engines_.reset(); !forgotten) return forgotten.error();
        now_ns_ = 0;
        for (std::size_t i = 0; i < test.steps.size(); ++i) {
            auto failure = step(test.steps[i]);
            if (!failure) return failure.error();
            if (!*failure) continue;
            (*failure)->step = i + 1;
            (*failure)->line = loaded_.sources.position(test.steps[i].span.file, test.steps[i].span.begin).line;
            return failure;
        }
        return std::optional<tooling::TestFailure>();
    }

private:
    using Outcome = Result<std::optional<tooling::TestFailure>>;

    Outcome step(const policy::TestStep& step) {
        alerts_.clear();
        if (const auto* send = std::get_if<policy::SendFrames>(&step.node)) {
            for (const std::vector<std::uint8_t>& frame : send->frames) {
                Outcome failure = judge(frame, now_ns_, send->expect);
                if (!failure || *failure) return failure;
            }
            return check_alerts(send->expect);
        }
        if (const auto* advance = std::get_if<policy::AdvanceClock>(&step.node)) {
            now_ns_ += advance->ns;
            return std::optional<tooling::TestFailure>();
        }
        if (const auto* expect = std::get_if<policy::ExpectMember>(&step.node)) return check_member(*expect);
        return replay(std::get<policy::ReplayCapture>(step.node));
    }

    Outcome check_member(const policy::ExpectMember& expect) {
        std::string difference;
        auto contains = engines_.contains(expect.set, expect.entry, now_ns_, difference);
        if (!contains) return contains.error();
        if (!difference.empty())
            return std::optional<tooling::TestFailure>(
                tooling::TestFailure{0, 0, expect.text, "evaluators differ: " + difference});
        if (*contains != expect.negated) return std::optional<tooling::TestFailure>();
        return std::optional<tooling::TestFailure>(
            tooling::TestFailure{0, 0, expect.text, *contains ? "it contains it" : "it does not contain it"});
    }

    // The capture's first packet comes now; the others as long after it as their stamps say.
    Outcome replay(const policy::ReplayCapture& capture) {
        Outcome outcome{std::optional<tooling::TestFailure>()};
        std::optional<std::uint64_t> first_ns;
        const std::uint64_t begin_ns = now_ns_;
        const Status read =
            tooling::read_capture(capture.path, [&](std::span<const std::uint8_t> frame, std::uint64_t time_ns) {
                if (!first_ns) first_ns = time_ns;
                now_ns_ = begin_ns + (time_ns - *first_ns);
                outcome = judge(frame, now_ns_, capture.expect);
                return outcome && !*outcome;
            });
        if (!read) return read.error();
        if (!outcome || *outcome) return outcome;
        return check_alerts(capture.expect);
    }

    Outcome judge(std::span<const std::uint8_t> frame, std::uint64_t time_ns, const policy::Expectation& expect) {
        std::string difference;
        auto judged = engines_.judge(frame, time_ns, difference);
        if (!judged) return judged.error();
        if (!difference.empty()) return failure(expect, "evaluators differ: " + difference);
        coverage_.add(*judged);
        for (const std::uint32_t alert : judged->alerts) ++alerts_[alert];
        using By = tooling::Judged::By;
        const bool verdict = !expect.verdict || static_cast<std::uint32_t>(expect.verdict->kind) == judged->verdict;
        const bool rule =
            !expect.rule || (judged->by == By::kRule && judged->rule == static_cast<std::uint32_t>(*expect.rule));
        const bool by = (!expect.by_default || judged->by == By::kDefault) &&
                        (!expect.by_malformed || judged->by == By::kMalformed);
        if (verdict && rule && by) return std::optional<tooling::TestFailure>();
        return failure(expect, tooling::describe(*judged, policy_));
    }

    Outcome check_alerts(const policy::Expectation& expect) {
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
        if (wrong.empty()) return std::optional<tooling::TestFailure>();
        return failure(expect, wrong);
    }

    static Outcome failure(const policy::Expectation& expect, std::string got) {
        return std::optional<tooling::TestFailure>(tooling::TestFailure{0, 0, expect.text, std::move(got)});
    }

    const tooling::LoadedPolicy& loaded_;
    const policy::TypedPolicy& policy_;
    tooling::Evaluators& engines_;
    tooling::Coverage& coverage_;
    std::uint64_t now_ns_ = 0;
    std::map<std::uint32_t, std::uint64_t> alerts_{};  // of this step, by alert
};

void say(const tooling::TestResult& result, bool json) {
    if (json) {
        std::fputs(tooling::json_line(result).c_str(), stdout);
        return;
    }
    const bool colour = colour_of(STDOUT_FILENO) == Colour::kOn;
    const char* tint = !colour ? "" : result.failure ? "\x1b[31m" : "\x1b[32m";
    fmt::print("{}{}{}  {}\n", tint, result.failure ? "FAILED" : "ok    ", colour ? "\x1b[0m" : "",
               printable(result.name));
    if (!result.failure) return;
    fmt::print("        {}:{}: step {}\n        expected  {}\n        got       {}\n", result.file,
               result.failure->line, result.failure->step, printable(result.failure->expected),
               printable(result.failure->got));
}

int test_file(const TestArguments& arguments, const std::string& file, std::vector<tooling::TestResult>& results) {
    const tooling::LoadedPolicy loaded = load_policy(file, arguments.options);
    if (!loaded.compiled) return loaded.status;
    auto engines = tooling::Evaluators::create(*loaded.compiled, arguments.engine);
    if (!engines) return say_error(engines.error());
    tooling::Coverage coverage(loaded.compiled->policy);
    int status = kOk;
    for (const policy::Test& test : loaded.compiled->policy.tests) {
        if (fnmatch(arguments.filter.c_str(), test.name.c_str(), 0) != 0) continue;
        const auto begin = std::chrono::steady_clock::now();
        auto outcome = TestRun(loaded, *engines, coverage).run(test);
        if (!outcome) return say_error(outcome.error());
        tooling::TestResult result{test.name,
                                   loaded.sources.name(test.span.file),
                                   loaded.sources.position(test.span.file, test.span.begin).line,
                                   engines->name(),
                                   std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(),
                                   std::move(*outcome)};
        say(result, arguments.options.format == "json");
        if (result.failure) status = kPolicyFault;
        results.push_back(std::move(result));
    }
    if (arguments.coverage) std::fputs(coverage.text().c_str(), arguments.options.format == "json" ? stderr : stdout);
    return status;
}

int test(const TestArguments& arguments) {
    int status = kOk;
    std::vector<tooling::TestResult> results;
    for (const std::string& file : arguments.files) status = std::max(status, test_file(arguments, file, results));
    if (!arguments.junit.empty())
        if (Status written = tooling::write_junit(arguments.junit, results); !written)
            return say_error(written.error());
    if (arguments.options.format == "json") return status;
    const auto failed = static_cast<std::size_t>(std::count_if(
        results.begin(), results.end(), [](const tooling::TestResult& r) { return r.failure.has_value(); }));
    if (results.empty() && status == kOk)
        fmt::print("no tests{}\n", arguments.filter == "*" ? "" : " whose names match `" + arguments.filter + "`");
    else if (!results.empty())
        fmt::print("{} passed, {} failed\n", results.size() - failed, failed);
    return status;
}

}  // namespace

void add_test(CLI::App& app, int& status) {
    static TestArguments arguments;
    CLI::App* command = app.add_subcommand("test", "runs the tests in policies");
    command->footer("    test \"telnet is closed\" { tcp 198.51.100.7:4000 -> 192.0.2.1:23 syn => drop by telnet }");
    command->add_option("FILE", arguments.files, "policies; - is standard input")->required();
    add_engine_option(*command, arguments.engine);
    command->add_option("--junit", arguments.junit, "also write the results as JUnit XML")->type_name("OUT");
    command->add_option("--filter", arguments.filter, "run only tests whose name matches")
        ->type_name("GLOB")
        ->capture_default_str();
    command->add_flag("--coverage", arguments.coverage, "list the rules that no test packet matched");
    add_policy_options(*command, arguments.options);
    command->callback([&status] { status = test(arguments); });
}

}  // namespace weir::cli
