// How long the rule logic of `weir check` takes, and what it finds: bench_lint COUNT [SHAPE…]. One line a shape.
#include <sys/resource.h>

#include <chrono>
#include <cstdlib>
#include <string>

#include <fmt/core.h>

#include "compiler/analysis/lint.h"
#include "compiler/compiler.h"
#include "tests/bench/rule_shapes.h"

int main(int argc, char** argv) {
    using namespace weir;
    if (argc < 2) {
        fmt::print(stderr, "usage: bench_lint COUNT [SHAPE...]\n");
        return 2;
    }
    const auto count = static_cast<std::uint32_t>(std::strtoul(argv[1], nullptr, 10));
    for (const std::string_view name : bench::shape_names()) {
        bool wanted = argc == 2;
        for (int i = 2; i < argc; ++i) wanted = wanted || name == argv[i];
        if (!wanted) continue;
        Sources sources;
        Diagnostics said;
        const auto rules = bench::make_rules(*bench::shape_named(name), count, 1);
        const auto compiled =
            analyse(sources, "bench.rules", bench::policy_text(rules, fmt::format("{}_{}", name, count)), {}, said);
        if (!compiled) return 1;
        const auto began = std::chrono::steady_clock::now();
        const analysis::Judged judged = analysis::lint(compiled->policy, said);
        const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - began;
        rusage used{};
        getrusage(RUSAGE_SELF, &used);
        fmt::print("{:10} {:8.1f} ms  {:6} said  {:6} not judged  {:6} MB at most so far\n", name, took.count(),
                   said.warnings(), judged.left_out.size(), used.ru_maxrss / 1024);
    }
    return 0;
}
