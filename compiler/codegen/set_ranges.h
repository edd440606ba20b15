// The entries of a set as ranges.
#pragma once

#include "compiler/codegen/range_lines.h"
#include "compiler/policy/typed_policy.h"

namespace weir::codegen {

// True for a set whose members are known now and are single values: no map holds it, its ranges are looked up.
bool is_searched(const policy::Set& set);

// Sorted, disjoint, joined where they meet; and where the program looks them up.
struct SetRanges {
    Ranges64 numbers;
    Ranges32 ranges4;
    Ranges128 ranges6;
    Search search, search4, search6;
};
// Of a set that is searched. Ranges beyond kRangesInCode are in `lines` only.
SetRanges set_ranges(const policy::Set& set, RangeLines& lines);

}  // namespace weir::codegen
