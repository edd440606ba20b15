// How much code conditions are, and how code is split into functions that BPF can hold and the verifier can follow.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "compiler/ir/decision.h"

namespace weir::ir {

// In comparisons, as docs/limits.md counts them: one is 8 to 25 instructions.
inline constexpr std::uint32_t kGroupSize =
    256;  // of a function of many conditions: LLVM's time grows faster than functions do
inline constexpr std::uint32_t kInlineSize = 256;  // of what may be part of the program's main function
inline constexpr std::uint32_t kMaxCodeSize =
    40960;  // of a policy: the verifier follows 1,000,000 instructions at most

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

// What of the decision becomes code, by size: its rules (kStraight) or its residual conditions (kForest).
std::vector<std::uint32_t> code_sizes(const Decision& decision);

// Where functions begin, the first at 0: as many conditions each as kGroupSize holds, at least one, or more where there
// would be over 200 functions: the kernel takes 256 a program. E506 bounds one condition to what BPF's jumps reach.
std::vector<std::uint32_t> groups(const std::vector<std::uint32_t>& sizes);

}  // namespace weir::ir
