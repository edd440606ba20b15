// How much code conditions need, and how code is split into functions that fit BPF's jumps and the verifier.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "compiler/ir/decision.h"

namespace weir::ir {

// In comparisons, as docs/limits.md counts them: one is 8 to 25 instructions.
inline constexpr std::uint32_t kGroupSize =
    256;  // of a function with many conditions: LLVM's time grows faster than a function
inline constexpr std::uint32_t kInlineSize = 256;  // of code that may be part of the program's main function
// Of a policy. LLVM takes 2 seconds for it; the verifier, which follows 1,000,000 instructions, could take twice as
// much.
inline constexpr std::uint32_t kMaxCodeSize = 36'864;

class CodeSizes {
public:
    explicit CodeSizes(const Decision& decision) : decision_(decision), sizes_(decision.predicates.size()) {}
    std::uint32_t of(PredicateId id);
    std::uint32_t of(const std::vector<PredicateId>& all);

private:
    std::uint32_t sum(const std::vector<PredicateId>& operands);

    const Decision& decision_;
    std::vector<std::uint32_t> sizes_;  // 0: not counted yet
};

// The sizes of what becomes code: the rules (kStraight) or the residual conditions (kForest).
std::vector<std::uint32_t> code_sizes(const Decision& decision);

// The first condition of each function. A function has as many conditions as kGroupSize allows, at least one. It has
// more if there would be over 200 functions, because the kernel allows 256 in a program. E506 limits one condition to
// what BPF's jumps reach.
std::vector<std::uint32_t> groups(const std::vector<std::uint32_t>& sizes);

}  // namespace weir::ir
