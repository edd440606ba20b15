// Rules as boxes: a product of intervals and bit patterns over words of struct weir_packet, and the conditions that are
// neither. Any predicate is an or of boxes; where that would be too many, what makes them many stays a residual.
#pragma once

#include <cstdint>
#include <vector>

#include "bpf/abi.h"
#include "compiler/ir/decision.h"
#include "compiler/ir/dimension.h"
#include "compiler/packet/presence.h"

namespace weir::ir {

struct Box {
    std::vector<Side> sides;             // by dimension; a dimension without one may be anything
    std::vector<PredicateId> residuals;  // all of them must hold, too; sorted
    std::uint32_t rule = 0;
};

struct BoxLimits {
    std::uint32_t boxes_a_rule = 64;
    std::uint32_t boxes = 0;  // of all rules; 0: eight a rule, and 65,536 more
};

struct Boxes {
    std::vector<Dimension> dimensions;  // the first kPresentDimensions are the words of `present`
    std::vector<Box> boxes;             // by rule, in the policy's order; a rule that cannot match has none
    std::uint64_t meets = 0;            // pairs of boxes that were tried for them
};

// The boxes of all rules. The work is bounded (`Boxes::meets`), whatever the rules share. Adds to `decision.predicates`
// where a residual is a predicate's opposite.
Boxes make_boxes(Decision& decision, const BoxLimits& limits);

// Can both be? False where `other` is narrower than the empty box. Leaves the meeting in `box`.
bool meet(Box& box, const Box& other, const std::vector<Dimension>& dimensions);

// What the box's sides say of `present`.
packet::Presence presence_of(const Box& box);

}  // namespace weir::ir
