// Rules as data: decision trees over boxes, as bpf/templates/classify.h walks them. bpf/abi.h has the layout of slots,
// trees and entries. compiler/ir/README.md describes the algorithm.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "bpf/abi.h"
#include "compiler/ir/dimension.h"

namespace weir::ir {

// How an entry stores a side of its box, so that one word of the packet is compared without a branch.
enum class FieldForm : std::uint8_t {
    kExact,   // the value
    kPrefix,  // the value; then, in a byte of its own, the number of low bits that are ignored
    kRange,   // the first value, then (last - first)
    kOnes,    // bits that must be one
    kMasked,  // the bits' value, then which bits count
};
struct EntryField {
    Dimension dimension;
    FieldForm form = FieldForm::kExact;
    std::uint8_t bytes = 4;    // of each of its numbers
    std::uint16_t offset = 0;  // in the entry, of the first number
    std::uint16_t second = 0;  // of the second, where the form has one
};
// Word 0 of an entry is its rule; word 1 the number of its residual (0: none) where the layout has one.
struct EntryLayout {
    std::vector<EntryField> fields;
    bool has_residual = false;
    std::uint32_t words = 0;  // of an entry
};

struct Tree {
    std::uint64_t slot = WEIR_LEAF;
    std::uint32_t first_rule = 0;  // the lowest rule number in the tree
};
// The trees for one kind of packet, by first_rule: at most WEIR_TREES.
struct Forest {
    EntryLayout layout;
    std::vector<Tree> trees;
    std::uint32_t longest_leaf = 0;
    std::uint32_t boxes = 0;
    std::uint32_t depth = 0;  // nodes on the longest way to a leaf
    std::uint32_t slots = 0;
    std::uint32_t entries = 0;
};
struct Forests {
    std::array<Forest, WEIR_FORESTS> kinds;  // by enum weir_forest
    std::vector<std::uint64_t> slots;
    std::vector<std::uint32_t> entries;  // words

    std::size_t bytes() const { return slots.size() * sizeof(slots[0]) + entries.size() * sizeof(entries[0]); }
};

}  // namespace weir::ir
