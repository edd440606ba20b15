// How distinct values are counted: bpf/abi.h, "state".
#pragma once

#include <cstdint>
#include <string_view>

namespace weir::policy {

constexpr std::uint64_t kExactDistinct = 32;           // up to that limit values are kept themselves
constexpr std::uint64_t kMaxDistinct = 1'000'000'000;  // docs/limits.md

// Beyond it: one value of 2^sampled_bits is marked in a bitmap; the limit is exceeded where more than `marks` bits are
// set.
struct DistinctSketch {
    std::uint32_t sampled_bits = 0;
    std::uint32_t marks = 0;
};
DistinctSketch distinct_sketch(std::uint64_t limit);

// What a name or text counts as in a key or a `distinct`, where nobody attacks (bpf/print.h). `labels`: of a name.
std::uint64_t text_print(std::string_view text, std::uint64_t labels);

}  // namespace weir::policy
