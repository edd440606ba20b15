// How long the rule logic of `weir check` takes, and what it finds: bench_lint COUNT [SHAPE…]. One line a shape. The
// shape `prefixes`, only where it is named, is one rule and a set that is read from a file of COUNT networks: the time
// is that of all of the front end.
#include <sys/resource.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <string_view>

#include <fmt/core.h>

#include "compiler/analysis/lint.h"
#include "compiler/compiler.h"
#include "tests/bench/rule_shapes.h"

namespace {

using namespace weir;

double ms_since(std::chrono::steady_clock::time_point began) {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began).count();
}

void print_line(std::string_view name, double took_ms, std::size_t said, std::size_t unjudged) {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    fmt::print("{:10} {:8.1f} ms  {:6} said  {:6} not judged  {:6} MB at most so far\n", name, took_ms, said, unjudged,
               used.ru_maxrss / 1024);
}

// Networks of /16 to /31, some of them within others.
std::string prefixes(std::uint32_t count) {
    std::string text;
    std::uint32_t random = 1;
    for (std::uint32_t i = 0; i < count; ++i) {
        random = random * 1664525u + 1013904223u;
        const std::uint32_t length = 16 + (random >> 8) % 16, address = random & ~0u << (32 - length);
        text += fmt::format("{}.{}.{}.{}/{}\n", address >> 24, address >> 16 & 255, address >> 8 & 255, address & 255,
                            length);
    }
    return text;
}

int measure_prefixes(std::uint32_t count) {
    sema::Files files;
    files.read = [text = prefixes(count)](const std::string&) -> Result<std::string> { return text; };
    Sources sources;
    Diagnostics said;
    const auto began = std::chrono::steady_clock::now();
    const auto compiled = analyse(sources, "bench.rules",
                                  "set bad : net from \"bad\"\nrule r { when ip.src in bad then drop }\n", files, said);
    if (!compiled) return 1;
    const analysis::Judged judged = analysis::lint(compiled->policy, said);
    print_line("prefixes", ms_since(began), said.warnings(), judged.left_out.size());
    for (const Diagnostic& d : said.all()) fmt::print("  {}\n", d.message);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        fmt::print(stderr, "usage: bench_lint COUNT [SHAPE...]\n");
        return 2;
    }
    const auto count = static_cast<std::uint32_t>(std::strtoul(argv[1], nullptr, 10));
    if (argc > 2 && std::string_view(argv[2]) == "prefixes") return measure_prefixes(count);
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
        print_line(name, ms_since(began), said.warnings(), judged.left_out.size());
    }
    return 0;
}
