// One decision tree: at each node a window of bits of one word selects the child; leaves list boxes in rule order.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "compiler/ir/dimension.h"

namespace weir::ir {

// Boxes as a table: every box has a side in every dimension. Sides as in box.h. Without a condition, a kInterval side
// is 0 to full, a kBits side is (0, 0).
struct BoxTable {
    std::vector<Dimension> dimensions;
    std::vector<std::uint32_t> first;  // [box * dimensions.size() + dimension]
    std::vector<std::uint32_t> last;
    std::vector<std::uint32_t> rule;      // by box; ascending
    std::vector<std::uint32_t> residual;  // by box: a number, or 0
    std::vector<std::uint64_t> content;   // by box: a hash of its sides, the table's dimensions included

    std::uint32_t size() const { return static_cast<std::uint32_t>(rule.size()); }
    std::size_t at(std::uint32_t box, std::size_t dimension) const { return box * dimensions.size() + dimension; }
};

class BuildCache;

enum class MatchKind : std::uint8_t { kFirst, kAll };  // first match, or all matches (as RE2's kFirstMatch, kManyMatch)

struct TreeLimits {
    MatchKind match_kind = MatchKind::kFirst;
    std::uint32_t leaf = 4;        // no cut at so many boxes or fewer
    double spread = 4;             // children's boxes for each box of the node; 1: no copies
    std::uint32_t root_bits = 14;  // of the root's window
    std::uint32_t node_bits = 10;
    std::uint64_t entries = 0;  // of all leaves
    std::uint64_t slots = 0;
    std::uint64_t work = 0;  // elementary steps; beyond this, smaller samples
};

// Leaves hold box numbers; the slot of a leaf is an index into `members` until entries are written.
struct BuiltTree {
    bool within_limits = true;
    std::uint64_t root = 0;              // a slot
    std::vector<std::uint64_t> slots;    // children of nodes, by index
    std::vector<std::uint32_t> members;  // the boxes of all leaves, one leaf after another
    std::uint64_t work = 0;
    std::uint32_t depth = 0;
    std::uint32_t longest_leaf = 0;
};

// Leaves: WEIR_LEAF | count << 32 | first member. `cache`: windows of earlier builds; may be null.
BuiltTree build_tree(const BoxTable& boxes, std::vector<std::uint32_t> members, const TreeLimits& limits,
                     BuildCache* cache = nullptr);

inline std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
    hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

// ---- the choice of a window (cut.cpp) ----

// What is known of the packets that reach a node: in each dimension, the bits of `mask` have the value `value`.
struct Known {
    std::vector<std::uint32_t> value;
    std::vector<std::uint32_t> mask;
};
struct Window {
    std::uint32_t dimension = 0;
    std::uint32_t shift = 0;
    std::uint32_t bits = 0;  // 0: make a leaf

    std::uint32_t mask() const { return (1u << bits) - 1; }
};
Window choose_window(const BoxTable& boxes, std::span<const std::uint32_t> members, const Known& known,
                     std::uint32_t most_bits, const TreeLimits& limits, std::uint64_t& work, BuildCache* cache);

// A box's side inside a node. kInterval: clipped to the values that reach the node.
struct Range32 {
    std::uint32_t first = 0;
    std::uint32_t last = 0;
};
Range32 side_within(const BoxTable& boxes, std::uint32_t box, std::size_t dimension, const Known& known);

// Calls `visit(slot)` for every slot of a window that the side reaches.
template <typename Visit>
void for_each_slot(SideKind kind, Range32 side, std::uint32_t shift, std::uint32_t mask, Visit visit) {
    if (kind == SideKind::kInterval) {
        const std::uint32_t from = side.first >> shift, to = side.last >> shift;
        if (to - from >= mask) {
            for (std::uint32_t slot = 0; slot <= mask; ++slot) visit(slot);
            return;
        }
        for (std::uint32_t at = from;; ++at) {
            visit(at & mask);
            if (at == to) return;
        }
    }
    const std::uint32_t care = side.last >> shift & mask, value = side.first >> shift & care, free = mask & ~care;
    for (std::uint32_t some = 0;; some = (some - free) & free) {
        visit(value | some);
        if (some == free) return;
    }
}

}  // namespace weir::ir
