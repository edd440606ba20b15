// Tested by tests/cli/coverage_test.py.
#include "cli/test_quality.h"

#include <fnmatch.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

#include "cli/progress.h"
#include "cli/terminal.h"
#include "tooling/judge/coverage.h"
#include "tooling/judge/evaluators.h"
#include "tooling/judge/policy_tests.h"

namespace weir::cli {
namespace {

void say(const tooling::Finding& finding, const TestQuality& of) {
    of.files.add(tooling::sarif_finding(finding, of.loaded.sources));
    const std::string text = render(finding, of.loaded.sources, of.format, colour_of(STDERR_FILENO));
    std::fputs(text.c_str(), of.format == "github" ? stdout : stderr);
}

int below(const TestQuality& of, const char* what, double percent) {
    if (!of.threshold || percent >= *of.threshold) return kOk;
    fmt::print(stderr, "weir: {} is {:.1f}%, below the {:g}% of `--threshold`\n", what, percent, *of.threshold);
    return kPolicyFault;
}

}  // namespace

// Judged once more by the oracle, which says what each rule came to.
int say_coverage(const TestQuality& of) {
    const policy::TypedPolicy& policy = of.loaded.compiled->policy;
    tooling::Evaluators evaluators(*of.loaded.compiled);
    if (Status added = evaluators.add(tooling::Evaluator::kOracle); !added) return say_error(added.error());
    tooling::Coverage coverage(policy);
    tooling::PolicyTests tests(of.loaded, evaluators);
    tests.cover(coverage);
    for (const policy::Test& test : policy.tests) {
        if (fnmatch(of.filter.c_str(), test.name.c_str(), 0) != 0) continue;
        const Progress progress("coverage of test \"" + test.name + "\"");
        if (auto result = tests.run(test); !result) return say_error(result.error());
    }
    for (const tooling::Finding& finding : coverage.findings()) say(finding, of);
    const bool is_for_people = of.format == "human" || of.format == "github";
    const std::string file = of.loaded.compiled->source_name;
    if (is_for_people) std::fputs(coverage.text().c_str(), stdout);
    if (of.format == "json") std::fputs(coverage.json(file).c_str(), stdout);
    return below(of, "coverage", coverage.percent());
}

}  // namespace weir::cli
