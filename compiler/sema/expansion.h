// How far names are expanded: docs/limits.md.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weir::sema {

// Of one condition, names expanded: its code must fit into BPF's jumps of 32,767 instructions, and a comparison takes
// up to 12.
inline constexpr std::uint32_t kMaxExprs = 2048;
inline constexpr std::uint32_t kMaxDepth = 256;    // of conditions within conditions, names expanded
inline constexpr std::uint32_t kMaxLetDepth = 64;  // lets within lets: language.md, nesting
// Of all conditions together: 16 a rule where there are as many rules as may be, 200 where there are 10,000. Each that
// no other rule shares takes up to 1 KB until it is boxes or code.
inline constexpr std::uint64_t kMaxExprsTogether = 2'097'152;
// Elements of set literals that are copied, because a literal names another or a rule compares with it: 56 bytes each.
inline constexpr std::uint64_t kMaxElementsTogether = 4'000'000;

}  // namespace weir::sema
