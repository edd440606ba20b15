// weir test: do a policy's own tests hold?
// Tested by tests/cli/answers_test.py with `"test"`.
#include <fnmatch.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <optional>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/end_on_interrupt.h"
#include "cli/load.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/terminal.h"
#include "cli/test_quality.h"
#include "cli/usage.h"
#include "tooling/files/policy_file.h"
#include "tooling/judge/evaluators.h"
#include "tooling/judge/policy_tests.h"
#include "tooling/judge/report.h"

namespace weir::cli {
namespace {

struct TestArguments {
    tooling::PolicyOptions options{};
    std::vector<std::string> files{};
    std::string engine{};
    std::string junit{};
    std::string filter = "*";
    bool coverage = false, mutants = false, suggestions = false;
    std::optional<double> threshold{};
};

void say(const tooling::TestResult& result, const std::string& format) {
    if (format == "json") std::fputs(tooling::json_line(result).c_str(), stdout);
    if (format == "json" || tooling::is_document(format) || (is_quiet() && !result.failure)) return;
    const bool colour = colour_of(STDOUT_FILENO) == Colour::kOn;
    const char* tint = !colour ? "" : result.failure ? "\x1b[31m" : "\x1b[32m";
    put("{}{}{}  {}\n", tint, result.failure ? "FAILED" : "ok    ", colour ? "\x1b[0m" : "", printable(result.name));
    if (!result.failure) return;
    put("        {}:{}: {}\n        expected  {}\n        got       {}\n", printable(result.file), result.failure->line,
        tooling::place_of(*result.failure), printable(result.failure->expected), printable(result.failure->got));
    if (format == "github") std::fputs(tooling::github_annotation(result).c_str(), stdout);
}

// What the files of a call came to.
struct Outcome {
    int status = kOk;
    std::vector<tooling::TestResult> results{};
    std::vector<tooling::PolicyFailure> refused{};
};

void test_file(const TestArguments& arguments, const std::string& file, PolicyFiles& files, Outcome& outcome) {
    const auto fail = [&](int status) { outcome.status = std::max(outcome.status, status); };
    const tooling::LoadedPolicy& loaded = files.load(file, tooling::Depth::kMeaning);
    if (!loaded.compiled) {
        outcome.refused.push_back(tooling::failure_of(loaded, file));
        return fail(loaded.status);
    }
    // The world's fault: what was to be tested is an error in JUnit, too.
    const auto stop = [&](const Error& error) {
        outcome.refused.push_back({file, 1, error.message});
        fail(say_error(error));
    };
    std::optional<Progress> progress(std::in_place, "compiling " + file);
    auto evaluators = tooling::Evaluators::create(*loaded.compiled, arguments.engine);
    progress.reset();
    if (!evaluators) return stop(evaluators.error());
    tooling::PolicyTests tests(loaded, *evaluators);
    for (const policy::Test& test : loaded.compiled->policy.tests) {
        if (fnmatch(arguments.filter.c_str(), test.name.c_str(), 0) != 0) continue;
        progress.emplace("test \"" + test.name + "\"");
        auto result = tests.run(test);
        progress.reset();
        if (!result) return stop(result.error());
        if (!result->note.empty()) say_note(fmt::format("test \"{}\": {}", test.name, result->note));
        say(*result, arguments.options.format);
        if (result->failure) {
            fail(kPolicyFault);
            files.add(tooling::sarif_finding(*result));
        }
        outcome.results.push_back(std::move(*result));
    }
    const TestQuality quality{loaded, arguments.options.format, arguments.filter, arguments.threshold, files};
    if (arguments.coverage) fail(say_coverage(quality));
    if (arguments.mutants) fail(say_mutants(quality));
    if (arguments.suggestions) fail(say_suggestions(quality));
}

int test(const TestArguments& arguments) {
    end_on_interrupt();
    if (const int wrong = refuse_repeated_stdin(arguments.files); wrong != kOk) return wrong;
    if (arguments.threshold && !arguments.coverage && !arguments.mutants) {
        put(stderr, "weir: `--threshold` is of `--coverage` and `--mutate`: give one of them, too\n");
        return kUsage;
    }
    Outcome outcome;
    PolicyFiles files(arguments.options);
    for (const std::string& file : arguments.files) test_file(arguments, file, files, outcome);
    files.write_sarif();
    const std::vector<tooling::TestResult>& results = outcome.results;
    if (!arguments.junit.empty())
        if (Status written = tooling::write_junit(arguments.junit, results, outcome.refused); !written)
            return say_error(written.error());
    if (arguments.options.format == "json" || tooling::is_document(arguments.options.format)) return outcome.status;
    const auto failed = static_cast<std::size_t>(std::count_if(
        results.begin(), results.end(), [](const tooling::TestResult& r) { return r.failure.has_value(); }));
    if (results.empty() && outcome.status == kOk)
        put("no tests{}\n", arguments.filter == "*" ? "" : " whose names match `" + printable(arguments.filter) + "`");
    else if (!results.empty())
        put("{} passed, {} failed\n", results.size() - failed, failed);
    return outcome.status;
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
    command->add_flag("--coverage", arguments.coverage,
                      "list the rules, conditions, state terms, sets and alerts that no test packet meets");
    command->add_flag("--mutate", arguments.mutants,
                      "change the policy a little, many times: which changes does no test notice?");
    command->add_flag("--suggest", arguments.suggestions, "write tests for the rules that no test packet matches");
    command
        ->add_option("--threshold", arguments.threshold,
                     "status 1 if less than this share, in percent, is covered (--coverage) or noticed (--mutate)")
        ->type_name("P")
        ->check(CLI::Range(0.0, 100.0));
    add_policy_options(*command, arguments.options);
    add_memory_option(*command, arguments.options);
    command->callback([&status] { status = test(arguments); });
}

}  // namespace weir::cli
