// What rules cost a packet, estimated from the decision: for people who make a policy cheaper. A figure that was
// measured is better.
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/ir/decision.h"

namespace weir::ir {

struct RuleCost {
    std::uint32_t comparisons = 0;  // of the rule itself, as docs/limits.md counts them; 0: its row in a table
    std::uint64_t before = 0;       // that a packet meets before them: of straight code those of earlier rules
    std::uint32_t terms = 0;        // state terms
    double ns = 0;                  // of a packet that reaches it and for which its condition holds
};

// By rule. Rules of the other direction cost nothing.
std::vector<RuleCost> rule_costs(const Decision& decision);

// Of a packet that no rule decides, without state.
double decision_ns(const Decision& decision);

inline constexpr double kComparisonNs = 0.7;  // of straight code: bench_classify, one rule to 64
// Of a state term: docs/testing.md, "State".
inline constexpr double kTermNs = 40;  // 1,000 keys; 81 to 112 where there are 100,000

}  // namespace weir::ir
