// Generated rule sets of each shape on all engines; a difference is a failure.
//   test_shapes [--shape NAME] [--rules N] [--packets N] [--seed N]
// Without --shape each of them. WEIR_SHAPES_RULES and WEIR_SHAPES_PACKETS in the environment stand for --rules and
// --packets. 100,000 rules take the reference evaluator minutes: --rules 100000 --packets 500.
#include <cstdlib>
#include <string>

#include <fmt/format.h>

#include "tests/bench/rule_shapes.h"
#include "tests/support/engines.h"

using namespace weir;
using namespace weir::tests;

namespace {

struct Options {
    std::string shape;
    std::uint32_t rules = 100;
    std::uint32_t packets = 20'000;
    std::uint64_t seed = 1;
};

Options read(int argc, char** argv) {
    Options options;
    const auto number = [](const char* text) { return static_cast<std::uint32_t>(std::strtoul(text, nullptr, 0)); };
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string word = argv[i];
        if (word == "--shape")
            options.shape = argv[i + 1];
        else if (word == "--rules")
            options.rules = number(argv[i + 1]);
        else if (word == "--packets")
            options.packets = number(argv[i + 1]);
        else if (word == "--seed")
            options.seed = number(argv[i + 1]);
    }
    if (const char* rules = std::getenv("WEIR_SHAPES_RULES")) options.rules = number(rules);
    if (const char* packets = std::getenv("WEIR_SHAPES_PACKETS")) options.packets = number(packets);
    return options;
}

// False, and says why, where the engines differ.
bool agree(const Options& options, bench::Shape shape, std::string_view name) {
    const auto rules = bench::make_rules(shape, options.rules, options.seed);
    auto created = Evaluators::create(bench::policy_text(rules, "shapes"));
    if (!created) {
        fmt::print("{}: {}\n", name, created.error().message);
        return false;
    }
    auto& engines = *created;
    std::uint64_t decided = 0;
    for (const auto& frame : bench::make_frames(rules, options.packets, options.seed + 1)) {
        std::string difference;
        const Judged judged = engines->judge(frame, difference);
        if (!difference.empty()) {
            fmt::print("{}, {} rules, seed {}: {}\n{}\n", name, options.rules, options.seed, difference, to_hex(frame));
            return false;
        }
        if (judged.by == Judged::By::kRule) ++decided;
    }
    fmt::print("{}: {} rules, {} packets, {} decided by a rule, {} in the kernel; {}\n", name, options.rules,
               options.packets, decided, engines->kernel_frames(), engines->compiled().decision.reason);
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    const Options options = read(argc, argv);
    bool all = true, any = false;
    for (const std::string_view name : bench::shape_names()) {
        if (!options.shape.empty() && options.shape != name) continue;
        any = true;
        all = agree(options, *bench::shape_named(name), name) && all;
    }
    return all && any ? 0 : 1;
}
