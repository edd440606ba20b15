// Evaluates a decision for one packet without LLVM or a kernel: rule by rule, and through the forests. Both must agree.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "bpf/abi.h"
#include "compiler/ir/decision.h"

namespace weir::ir {

// Evaluates predicates that need more than struct weir_packet: sets, payload, interfaces, what is inside.
using Outside = std::function<bool(const Predicate&)>;

struct Outcome {
    std::uint32_t decided = 0;         // a rule, or the number of rules
    std::vector<std::uint32_t> noted;  // rules that matched before it and do not decide, in order

    friend bool operator==(const Outcome&, const Outcome&) = default;
};

bool holds(const Decision& decision, PredicateId id, const weir_packet& packet, const Outside& outside);
Outcome interpret_rules(const Decision& decision, const weir_packet& packet, const Outside& outside);
// The same walk as bpf/templates/classify.h. The decision must have forests.
Outcome interpret_forests(const Decision& decision, const weir_packet& packet, const Outside& outside);

}  // namespace weir::ir
