// A policy of a known shape on standard output: bench_generate SHAPE COUNT [SEED].
#include <fmt/core.h>

#include <cstdlib>
#include <string>

#include "tests/bench/rule_shapes.h"

int main(int argc, char** argv) {
    using namespace weir::bench;
    const auto shape = argc > 2 ? shape_named(argv[1]) : std::nullopt;
    if (!shape || argc > 4) {
        fmt::print(stderr, "usage: bench_generate SHAPE COUNT [SEED]\nshapes:");
        for (const std::string_view name : shape_names()) fmt::print(stderr, " {}", name);
        fmt::print(stderr, "\n");
        return 2;
    }
    const auto count = static_cast<std::uint32_t>(std::strtoul(argv[2], nullptr, 10));
    const std::uint64_t seed = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 1;
    const std::string text = policy_text(make_rules(*shape, count, seed), fmt::format("{}_{}", argv[1], count));
    std::fwrite(text.data(), 1, text.size(), stdout);
    return 0;
}
