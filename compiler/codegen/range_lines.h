// Long lists of ranges as cache lines: the trees and bitmaps of bpf/abi.h, "many ranges".
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "bpf/abi.h"
#include "compiler/ir/decision.h"

namespace weir::codegen {

// Sorted, disjoint, inclusive.
using Ranges32 = std::vector<std::pair<std::uint32_t, std::uint32_t>>;
using Ranges64 = std::vector<std::pair<std::uint64_t, std::uint64_t>>;
using Ranges128 = std::vector<std::pair<ir::Address6, ir::Address6>>;

// At most so many ranges are compared one by one, in code; more are looked up.
inline constexpr std::size_t kRangesInCode = 8;

// How to find out whether a number is in the ranges: a function of the template, and the line where it starts.
struct Search {
    const char* function = nullptr;  // null: compare in code
    std::uint32_t line = 0;
};

class RangeLines {
public:
    // Adjacent ranges are merged. Equal lists are stored once.
    Search add(const Ranges64& ranges, std::uint64_t largest);  // of numbers up to `largest`, below 2^63
    Search add4(const Ranges32& ranges);
    Search add6(const Ranges128& ranges);

    const std::vector<weir_line>& lines() const { return lines_; }
    std::vector<weir_line> take() { return std::move(lines_); }

private:
    std::vector<weir_line> lines_;
    std::map<std::pair<std::uint64_t, Ranges64>, Search> known_;
    std::map<Ranges32, Search> known4_;
    std::map<Ranges128, Search> known6_;
};

}  // namespace weir::codegen
