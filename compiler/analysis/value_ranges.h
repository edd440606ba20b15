// A set of values of a field as ranges.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "compiler/analysis/bdd.h"
#include "compiler/policy/wide_value.h"

namespace weir::analysis {

using policy::WideValue;
using WideRanges = std::vector<std::pair<WideValue, WideValue>>;

// Sorted, disjoint, as few as can be: of the values of these bits, the highest first and ascending, for which `values`
// holds, which depends on no others. Nothing where there would be more than `most`.
std::optional<WideRanges> ranges_of(const Bdd& bdd, Bdd::Node values, const std::vector<Bdd::Variable>& bits,
                                    std::size_t most);
// Those of that many bits that are in none.
WideRanges complement(const WideRanges& ranges, std::size_t bits);
// Where one pattern of fixed bits is all: the mask of these bits and their value.
std::optional<std::pair<std::uint64_t, std::uint64_t>> masked_value(const Bdd& bdd, Bdd::Node values,
                                                                    const std::vector<Bdd::Variable>& bits);

}  // namespace weir::analysis
