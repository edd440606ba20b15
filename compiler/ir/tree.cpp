// Tested by tests/unit/ir/tree_test.cpp.
#include "compiler/ir/tree.h"

#include <algorithm>
#include <unordered_map>

#include "bpf/abi.h"
#include "grammar/base/check.h"

namespace weir::ir {
namespace {

constexpr std::size_t kPairwise = 64;  // boxes of a node that are compared in pairs
constexpr std::uint32_t kMaxDepth = WEIR_TREE_DEPTH;

class Builder {
public:
    Builder(const BoxTable& boxes, const TreeLimits& limits, BuildCache* cache)
        : boxes_(boxes), limits_(limits), cache_(cache) {}

    BuiltTree build(std::vector<std::uint32_t> members) {
        const Known nothing{std::vector<std::uint32_t>(boxes_.dimensions.size()),
                            std::vector<std::uint32_t>(boxes_.dimensions.size())};
        tree_.root = node(std::move(members), nothing, 0);
        return std::move(tree_);
    }

private:
    using Members = std::vector<std::uint32_t>;

    std::uint64_t node(Members members, const Known& known, std::uint32_t depth) {
        if (!tree_.within_limits) return WEIR_LEAF;
        prune(members, known);
        if (members.size() <= limits_.leaf || depth >= kMaxDepth) return leaf(members, depth);
        const std::uint32_t most_bits = depth == 0 ? limits_.root_bits : limits_.node_bits;
        const Window window = choose_window(boxes_, members, known, most_bits, limits_, tree_.work, cache_);
        if (window.bits == 0) return leaf(members, depth);
        return cut(std::move(members), known, window, depth);
    }

    std::uint64_t cut(Members members, const Known& known, const Window& window, std::uint32_t depth) {
        const SideKind kind = boxes_.dimensions[window.dimension].kind;
        const std::uint32_t mask = window.mask();
        // The members of the children, one child after another: counted first, then stored.
        std::vector<std::uint32_t> begins(std::size_t{mask} + 2, 0);
        const auto each = [&](auto visit) {
            for (const std::uint32_t box : members)
                for_each_slot(kind, side_within(boxes_, box, window.dimension, known), window.shift, mask,
                              [&](std::uint32_t slot) { visit(slot, box); });
        };
        each([&](std::uint32_t slot, std::uint32_t) { ++begins[slot + 1]; });
        for (std::uint32_t slot = 0; slot <= mask; ++slot) begins[slot + 1] += begins[slot];
        const std::uint64_t reached = begins.back();
        tree_.work += reached;
        // The sample may have missed copies. If no box may be copied, do not cut.
        if (limits_.spread <= 1 && reached > members.size()) return leaf(members, depth);
        if (reached > limits_.entries * 4 + 65536) tree_.within_limits = false;
        if (!tree_.within_limits) return WEIR_LEAF;
        Members placed(reached);
        std::vector<std::uint32_t> ends(begins.begin(), begins.end() - 1);
        each([&](std::uint32_t slot, std::uint32_t box) { placed[ends[slot]++] = box; });
        Members().swap(members);

        std::vector<std::uint64_t> children(std::size_t{mask} + 1, WEIR_LEAF);
        Known below = known;
        below.mask[window.dimension] |= mask << window.shift;
        for (std::uint32_t slot = 0; slot <= mask; ++slot) {
            if (begins[slot] == begins[slot + 1]) continue;
            below.value[window.dimension] = known.value[window.dimension] | slot << window.shift;
            children[slot] =
                node(Members(placed.begin() + begins[slot], placed.begin() + begins[slot + 1]), below, depth + 1);
        }
        return node_of(children, window);
    }

    // The slot of a node with these children; equal nodes are stored once.
    std::uint64_t node_of(const std::vector<std::uint64_t>& children, const Window& window) {
        const bool same =
            std::all_of(children.begin(), children.end(), [&](std::uint64_t slot) { return slot == children[0]; });
        if (same) return children[0];
        std::uint64_t hash = children.size();
        for (const std::uint64_t slot : children) hash = mix(hash, slot);
        std::vector<std::uint32_t>& candidates = nodes_[hash];
        const auto is_it = [&](std::uint32_t base) {
            return base + children.size() <= tree_.slots.size() &&
                   std::equal(children.begin(), children.end(), tree_.slots.begin() + base);
        };
        auto known = std::find_if(candidates.begin(), candidates.end(), is_it);
        if (known == candidates.end()) {
            if (tree_.slots.size() + children.size() > limits_.slots) tree_.within_limits = false;
            candidates.push_back(static_cast<std::uint32_t>(tree_.slots.size()));
            tree_.slots.insert(tree_.slots.end(), children.begin(), children.end());
            known = candidates.end() - 1;
        }
        const Dimension& dimension = boxes_.dimensions[window.dimension];
        return *known | std::uint64_t{window.shift + dimension.shift} << WEIR_SLOT_SHIFT |
               std::uint64_t{dimension.word} << WEIR_SLOT_WORD | std::uint64_t{window.mask()} << WEIR_SLOT_MASK;
    }

    std::uint64_t leaf(const Members& members, std::uint32_t depth) {
        tree_.depth = std::max(tree_.depth, depth);
        if (members.empty()) return WEIR_LEAF;
        std::uint64_t hash = members.size();
        for (const std::uint32_t box : members) hash = mix(hash, box);
        std::vector<std::uint64_t>& candidates = leaves_[hash];
        for (const std::uint64_t slot : candidates) {
            const std::size_t begin = slot & 0xffffffff, count = slot >> 32 & WEIR_LEAF_COUNT_MASK;
            if (count == members.size() &&
                std::equal(members.begin(), members.end(), tree_.members.begin() + static_cast<std::ptrdiff_t>(begin)))
                return slot;
        }
        if (tree_.members.size() + members.size() > limits_.entries) tree_.within_limits = false;
        const std::uint64_t slot = WEIR_LEAF | std::uint64_t{members.size()} << 32 | tree_.members.size();
        tree_.members.insert(tree_.members.end(), members.begin(), members.end());
        tree_.longest_leaf = std::max(tree_.longest_leaf, static_cast<std::uint32_t>(members.size()));
        candidates.push_back(slot);
        return slot;
    }

    // ---- pruning: boxes that can never be the first match in the node are removed ----

    bool covers_node(std::uint32_t box, const Known& known) const {
        if (boxes_.residual[box] != 0) return false;
        for (std::size_t d = 0; d < boxes_.dimensions.size(); ++d) {
            const std::size_t at = boxes_.at(box, d);
            if (boxes_.dimensions[d].kind == SideKind::kBits) {
                if ((boxes_.last[at] & ~known.mask[d]) != 0) return false;
            } else if (boxes_.first[at] > known.value[d] ||
                       boxes_.last[at] < (known.value[d] | (boxes_.dimensions[d].full() & ~known.mask[d]))) {
                return false;
            }
        }
        return true;
    }
    // Does `earlier` contain all of `later` inside the node?
    bool shadows(std::uint32_t earlier, std::uint32_t later, const Known& known) const {
        if (boxes_.residual[earlier] != 0) return false;
        for (std::size_t d = 0; d < boxes_.dimensions.size(); ++d) {
            const std::size_t a = boxes_.at(earlier, d), b = boxes_.at(later, d);
            if (boxes_.dimensions[d].kind == SideKind::kBits) {
                if ((boxes_.last[a] & ~(boxes_.last[b] | known.mask[d])) != 0) return false;
                if (((boxes_.first[a] ^ boxes_.first[b]) & boxes_.last[a] & boxes_.last[b]) != 0) return false;
                continue;
            }
            const Range32 side = side_within(boxes_, later, d, known);
            if (boxes_.first[a] > side.first || boxes_.last[a] < side.last) return false;
        }
        return true;
    }
    bool is_empty(std::uint32_t box, const Known& known) const {
        for (std::size_t d = 0; d < boxes_.dimensions.size(); ++d) {
            if (boxes_.dimensions[d].kind == SideKind::kBits) continue;
            const Range32 side = side_within(boxes_, box, d, known);
            if (side.first > side.last) return true;
        }
        return false;
    }
    void prune(Members& members, const Known& known) {
        if (limits_.match_kind == MatchKind::kAll) return;
        tree_.work += members.size();
        const auto whole =
            std::find_if(members.begin(), members.end(), [&](std::uint32_t box) { return covers_node(box, known); });
        if (whole != members.end()) members.erase(whole + 1, members.end());
        if (members.size() > kPairwise) return;
        tree_.work += members.size() * members.size() / 4;
        std::size_t kept = 0;
        for (const std::uint32_t box : members) {
            const bool shadowed = std::any_of(members.begin(), members.begin() + static_cast<std::ptrdiff_t>(kept),
                                              [&](std::uint32_t earlier) { return shadows(earlier, box, known); });
            if (!shadowed && !is_empty(box, known)) members[kept++] = box;
        }
        members.resize(kept);
    }

    const BoxTable& boxes_;
    const TreeLimits& limits_;
    BuildCache* cache_;
    BuiltTree tree_;
    std::unordered_map<std::uint64_t, std::vector<std::uint64_t>> leaves_;
    std::unordered_map<std::uint64_t, std::vector<std::uint32_t>> nodes_;
};

}  // namespace

BuiltTree build_tree(const BoxTable& boxes, std::vector<std::uint32_t> members, const TreeLimits& limits,
                     BuildCache* cache) {
    return Builder(boxes, limits, cache).build(std::move(members));
}

}  // namespace weir::ir
