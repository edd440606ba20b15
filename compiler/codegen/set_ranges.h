// The entries of a set as ranges.
#pragma once

#include "compiler/codegen/range_lines.h"
#include "compiler/policy/typed_policy.h"

namespace weir::codegen {

// True for a set of single values that does not change. It needs no map: its ranges are looked up.
bool is_searched(const policy::Set& set);

// Sorted, disjoint, adjacent ranges merged; and where the program looks them up.
struct SetRanges {
    Ranges64 numbers;
    Ranges32 ranges4;
    Ranges128 ranges6;
    Search search, search4, search6;
};
// The ranges of such a set. More than kRangesInCode are in `lines` only.
SetRanges set_ranges(const policy::Set& set, RangeLines& lines);

}  // namespace weir::codegen
