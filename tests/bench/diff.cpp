// How long `weir diff` takes for two policies that differ in the verdicts of ten rules: bench_diff COUNT [SHAPE…]. One
// line a shape, in CPU time: finding the classes; finding them, describing them and showing each by a packet.
#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include <fmt/core.h>

#include "compiler/analysis/policy_diff.h"
#include "compiler/compiler.h"
#include "tests/bench/rule_shapes.h"
#include "tooling/judge/policy_changes.h"

namespace {

using namespace weir;

constexpr std::size_t kChanged = 10;

// Of this process: other programs on the machine do not count.
double cpu_ms() {
    timespec used{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return static_cast<double>(used.tv_sec) * 1e3 + static_cast<double>(used.tv_nsec) / 1e6;
}

std::optional<Compiled> compiled(const std::vector<bench::ShapedRule>& rules, std::string_view name) {
    Sources sources;
    Diagnostics said;
    return analyse(sources, "bench.rules", bench::policy_text(rules, name), {}, said);
}

bool measure(std::string_view name, std::uint32_t count) {
    std::vector<bench::ShapedRule> rules = bench::make_rules(*bench::shape_named(name), count, 1);
    const auto before = compiled(rules, name);
    for (std::size_t i = 0; i < kChanged; ++i) {
        bench::ShapedRule& rule = rules[(2 * i + 1) * rules.size() / (2 * kChanged)];
        rule.drops = !rule.drops;
    }
    const auto after = compiled(rules, name);
    if (!before || !after) return false;
    double began = cpu_ms();
    analysis::PolicyDiff diff(before->policy, after->policy);
    const double found = cpu_ms() - began;
    began = cpu_ms();
    const tooling::PolicyChanges changes = tooling::compare_policies(*before, *after);
    const double all = cpu_ms() - began;
    const auto shown = std::count_if(changes.classes.begin(), changes.classes.end(),
                                     [](const tooling::ChangedClass& one) { return one.witness.has_value(); });
    const auto whole = std::count_if(changes.classes.begin(), changes.classes.end(),
                                     [](const tooling::ChangedClass& one) { return one.packets.is_whole; });
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    fmt::print(
        "{:10} {:8.1f} ms, described {:8.1f} ms  {:3} classes  {:3} whole  {:3} shown  {:3} not judged  {:9} steps  "
        "{:6} MB at most so far\n",
        name, found, all, changes.classes.size(), whole, shown, changes.unjudged.size(), diff.sets().bdd().steps(),
        used.ru_maxrss / 1024);
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        fmt::print(stderr, "usage: bench_diff COUNT [SHAPE...]\n");
        return 2;
    }
    const auto count = static_cast<std::uint32_t>(std::strtoul(argv[1], nullptr, 10));
    const std::vector<std::string_view> wanted(argv + 2, argv + argc);
    for (const std::string_view name : bench::shape_names())
        if (wanted.empty() || std::find(wanted.begin(), wanted.end(), name) != wanted.end())
            if (!measure(name, count)) return 1;
    return 0;
}
