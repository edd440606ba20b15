// Tested by tests/cli/coverage_test.py with `"--coverage"`.
#include "cli/test_quality.h"

#include <fnmatch.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/progress.h"
#include "cli/terminal.h"
#include "tooling/judge/coverage.h"
#include "tooling/judge/evaluators.h"
#include "tooling/judge/mutation.h"
#include "tooling/judge/policy_tests.h"
#include "tooling/judge/suggest.h"

namespace weir::cli {
namespace {

void say(const tooling::Finding& finding, const TestQuality& of) {
    of.files.add(tooling::sarif_finding(finding, of.loaded.sources));
    const std::string text = render(finding, of.loaded.sources, of.format, colour_of(STDERR_FILENO));
    std::fputs(text.c_str(), of.format == "github" ? stdout : stderr);
}

int below(const TestQuality& of, const char* what, double percent) {
    if (!of.threshold || percent >= *of.threshold) return kOk;
    put(stderr, "weir: {} is {:.1f}%, below the {:g}% of `--threshold`\n", what, percent, *of.threshold);
    return kPolicyFault;
}

}  // namespace

namespace {

bool runs(const TestQuality& of, const policy::Test& test) {
    return fnmatch(of.filter.c_str(), test.name.c_str(), 0) == 0;
}

// The tests of the policy, judged once more by the oracle.
Result<tooling::Coverage> coverage_of(const TestQuality& of) {
    const policy::TypedPolicy& policy = of.loaded.compiled->policy;
    tooling::Evaluators evaluators(*of.loaded.compiled);
    if (Status added = evaluators.add(tooling::Evaluator::kOracle); !added) return added.error();
    tooling::Coverage coverage(policy);
    tooling::PolicyTests tests(of.loaded, evaluators);
    tests.cover(coverage);
    for (const policy::Test& test : policy.tests) {
        if (!runs(of, test)) continue;
        const Progress progress("coverage of test \"" + test.name + "\"");
        if (auto result = tests.run(test); !result) return result.error();
    }
    return coverage;
}

// `{"suggested":{"file":"edge.rules","test":"…","steps":["…"]}}`, or a test ready to paste.
void say_test(const TestQuality& of, const tooling::SuggestedTest& test) {
    if (of.format == "json") {
        const nlohmann::ordered_json line{
            {"suggested", {{"file", of.loaded.compiled->source_name}, {"test", test.name}, {"steps", test.steps}}}};
        put("{}\n", line.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace));
        return;
    }
    if (tooling::is_document(of.format)) return;
    put("\ntest \"{}\" {{\n", printable(test.name));
    for (const std::string& step : test.steps) put("    {}\n", printable(step));
    put("}}\n");
}

}  // namespace

int say_coverage(const TestQuality& of) {
    const auto coverage = coverage_of(of);
    if (!coverage) return say_error(coverage.error());
    for (const tooling::Finding& finding : coverage->findings()) say(finding, of);
    const bool is_for_people = of.format == "human" || of.format == "github";
    const std::string file = of.loaded.compiled->source_name;
    if (is_for_people) std::fputs(coverage->text().c_str(), stdout);
    if (of.format == "json") std::fputs(coverage->json(file).c_str(), stdout);
    return below(of, "coverage", coverage->percent());
}

namespace {

using tooling::JudgedMutant;

void say_not_noticed(const TestQuality& of, const JudgedMutant& one) {
    tooling::Finding finding{"mutant-not-noticed", one.mutant.change, one.mutant.span, {}, {}, {}};
    finding.help = one.steps.empty()       ? "no packet was found that would tell"
                   : one.steps.size() == 1 ? "would notice: " + one.steps.front()
                                           : fmt::format("would notice: a test of {} steps, below", one.steps.size());
    say(finding, of);
}

std::string summary(const tooling::Mutation& mutation, const std::string& file, const std::string& format) {
    using Outcome = JudgedMutant::Outcome;
    const std::size_t all = mutation.mutants.size(), noticed = mutation.count(Outcome::kNoticed),
                      equivalent = mutation.count(Outcome::kEquivalent);
    if (format == "json") {
        nlohmann::ordered_json line;
        line["mutation"] = {{"file", file},
                            {"mutants", all - equivalent},
                            {"noticed", noticed},
                            {"equivalent", equivalent},
                            {"percent", mutation.percent()}};
        return line.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace) + "\n";
    }
    return fmt::format("mutants: {} of {} noticed, {:.1f}%{}\n", noticed, all - equivalent, mutation.percent(),
                       equivalent == 0 ? "" : fmt::format("; {} more change nothing", equivalent));
}

}  // namespace

int say_mutants(const TestQuality& of) {
    Progress progress("mutants of " + of.loaded.compiled->source_name);
    tooling::MutationOptions options;
    options.runs = [&](const policy::Test& test) { return runs(of, test); };
    options.step = [&](std::size_t done, std::size_t) { progress.step(done); };
    // Searching for steps takes longer than all else.
    using Suggest = tooling::MutationOptions::Suggest;
    options.suggest = is_quiet() ? Suggest::kNo : Suggest::kYes;
    options.threads = std::max(std::thread::hardware_concurrency(), 1u);
    const auto mutation = tooling::mutate(of.loaded, options);
    progress.finish();
    if (!mutation) return say_error(mutation.error());
    if (!mutation->failed.empty()) {
        put(stderr, "weir: test \"{}\" fails: mutants are judged by tests that hold\n", printable(mutation->failed));
        return kPolicyFault;
    }
    for (const JudgedMutant& one : mutation->mutants)
        if (one.outcome == JudgedMutant::Outcome::kNotNoticed && (!is_quiet() || of.format != "human"))
            say_not_noticed(of, one);
    const std::string text = summary(*mutation, of.loaded.compiled->source_name, of.format);
    if (!tooling::is_document(of.format)) std::fputs(text.c_str(), stdout);
    for (const tooling::SuggestedTest& test : tooling::suggested_tests(of.loaded, *mutation)) say_test(of, test);
    return below(of, "the share of mutants that tests notice", mutation->percent());
}

int say_suggestions(const TestQuality& of) {
    const auto coverage = coverage_of(of);
    if (!coverage) return say_error(coverage.error());
    const policy::TypedPolicy& policy = of.loaded.compiled->policy;
    const tooling::Suggestions suggestions(policy, policy.tests);
    std::vector<tooling::SuggestedTest> tests;
    for (const std::size_t rule : coverage->unmatched()) {
        const tooling::Script script = suggestions.matching(rule);
        const std::string& name = policy.rules[rule].name;
        if (script.empty()) {
            say_note(fmt::format("no packet was found that matches rule `{}`", name));
            continue;
        }
        tests.push_back({tooling::free_name(policy, tests, name), tooling::steps_of(policy, script, nullptr)});
        say_test(of, tests.back());
    }
    return kOk;
}

}  // namespace weir::cli
