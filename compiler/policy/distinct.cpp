// Tested by tests/verdict/eviction_test.cpp with `distinct(`.
#include "compiler/policy/distinct.h"

#include <cmath>

#include "bpf/abi.h"

namespace weir::policy {

// With 1 to 2 sampled values a bit, sampling (1/sqrt of how many) and linear counting (Whang et al. 1990) are each off
// by about 2%, the sum by less than 3% (standard error).
DistinctSketch distinct_sketch(std::uint64_t limit) {
    constexpr double kBits = WEIR_SKETCH_BITS;
    DistinctSketch sketch;
    while (limit >> sketch.sampled_bits > 2 * WEIR_SKETCH_BITS) ++sketch.sampled_bits;
    const double sampled = std::ldexp(static_cast<double>(limit), -static_cast<int>(sketch.sampled_bits));
    sketch.marks = static_cast<std::uint32_t>(kBits * (1 - std::pow(1 - 1 / kBits, sampled)));
    return sketch;
}

std::uint64_t text_print(std::string_view text, std::uint64_t labels) {
    constexpr std::uint64_t kBy[] = WEIR_TEST_PRINT_BY;
    const __u64 by[] = {kBy[0], kBy[1], kBy[2], kBy[3]};
    std::uint64_t print = weir_print_begin(text.size(), labels);
    for (std::size_t at = 0; at < text.size(); at += 8) {
        std::uint64_t bytes = 0;
        for (std::size_t i = 0; i < 8 && at + i < text.size(); ++i)
            bytes |= std::uint64_t{static_cast<std::uint8_t>(text[at + i])} << 8 * i;
        print = weir_print_step(by, print, bytes);
    }
    return weir_print_step(by, print, 0);
}

}  // namespace weir::policy
