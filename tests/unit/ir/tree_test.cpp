// One tree against its boxes, tried one by one at every point of a small space.
#include "compiler/ir/tree.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <numeric>
#include <optional>
#include <vector>

#include "grammar/base/seeded.h"

using namespace weir;
using namespace weir::ir;

namespace {

constexpr std::uint32_t kBits = 6;
constexpr std::uint32_t kFull = (1u << kBits) - 1;

// Intervals in words 1 and 2, bits with values in word 3.
BoxTable random_boxes(Seeded& random, std::uint32_t count) {
    BoxTable table;
    for (std::uint8_t word = 1; word <= 3; ++word)
        table.dimensions.push_back({word, 0, kBits, word == 3 ? SideKind::kBits : SideKind::kInterval});
    for (std::uint32_t box = 0; box < count; ++box) {
        for (const Dimension& dimension : table.dimensions) {
            std::uint32_t first = random.below32(kFull + 1), last = random.below32(kFull + 1);
            if (dimension.kind == SideKind::kBits) {
                last &= random.word();  // (value & last) == first
                first &= last;
            } else if (random.one_in(3)) {
                first = 0, last = kFull;
            } else if (first > last) {
                std::swap(first, last);
            }
            table.first.push_back(first);
            table.last.push_back(last);
        }
        table.rule.push_back(box);
        table.residual.push_back(random.one_in(8) ? 1 : 0);
        table.content.push_back(random.next());
    }
    return table;
}

bool holds(const BoxTable& table, std::uint32_t box, const std::uint32_t* words) {
    for (std::size_t d = 0; d < table.dimensions.size(); ++d) {
        const std::uint32_t value = table.dimensions[d].of(words), first = table.first[table.at(box, d)],
                            last = table.last[table.at(box, d)];
        const bool inside =
            table.dimensions[d].kind == SideKind::kBits ? (value & last) == first : first <= value && value <= last;
        if (!inside) return false;
    }
    return true;
}

// The boxes that hold among those of `members`, up to the first without a residual.
std::vector<std::uint32_t> candidates(const BoxTable& table, const std::vector<std::uint32_t>& members,
                                      const std::uint32_t* words, MatchKind kind) {
    std::vector<std::uint32_t> found;
    for (const std::uint32_t box : members) {
        if (!holds(table, box, words)) continue;
        found.push_back(box);
        if (kind == MatchKind::kFirst && table.residual[box] == 0) break;
    }
    return found;
}

std::vector<std::uint32_t> leaf_of(const BuiltTree& tree, const std::uint32_t* words) {
    std::uint64_t slot = tree.root;
    while ((slot & WEIR_LEAF) == 0) {
        const std::uint32_t value = words[slot >> WEIR_SLOT_WORD & 0x3f] >> (slot >> WEIR_SLOT_SHIFT & 0x1f);
        slot = tree.slots[static_cast<std::uint32_t>(slot) + (value & (slot >> WEIR_SLOT_MASK & 0x7fff))];
    }
    const auto first = tree.members.begin() + static_cast<std::uint32_t>(slot);
    return {first, first + static_cast<std::ptrdiff_t>(slot >> 32 & WEIR_LEAF_COUNT_MASK)};
}

}  // namespace

TEST_CASE("a leaf has the boxes that can match, in order") {
    const auto kind = GENERATE(MatchKind::kFirst, MatchKind::kAll);
    const auto count = GENERATE(1u, 5u, 40u, 200u);
    const auto seed = GENERATE(1u, 2u, 3u);
    CAPTURE(count, seed);
    Seeded random(seed);
    const BoxTable table = random_boxes(random, count);
    std::vector<std::uint32_t> all(count);
    std::iota(all.begin(), all.end(), 0u);
    const TreeLimits limits{.match_kind = kind, .entries = 1u << 20, .slots = 1u << 20, .work = 1u << 26};
    const BuiltTree tree = build_tree(table, all, limits);
    REQUIRE(tree.within_limits);
    CHECK(tree.depth <= WEIR_TREE_DEPTH);
    std::uint32_t wrong = 0;
    for (std::uint32_t point = 0; point < 1u << (3 * kBits); point += 1 + random.below32(4)) {
        const std::uint32_t words[kPacketWords] = {0, point & kFull, point >> kBits & kFull, point >> (2 * kBits)};
        const std::vector<std::uint32_t> leaf = leaf_of(tree, words);
        if (!std::is_sorted(leaf.begin(), leaf.end()) ||
            candidates(table, leaf, words, kind) != candidates(table, all, words, kind))
            ++wrong;
    }
    CHECK(wrong == 0);
}

TEST_CASE("a tree that exceeds its limits says so") {
    Seeded random(7);
    const BoxTable table = random_boxes(random, 200);
    std::vector<std::uint32_t> all(200);
    std::iota(all.begin(), all.end(), 0u);
    CHECK_FALSE(build_tree(table, all, {.entries = 10, .slots = 1u << 20, .work = 1u << 26}).within_limits);
    // Boxes side by side: cuts copy none of them, and need slots.
    BoxTable apart = table;
    for (std::uint32_t box = 0; box < apart.size(); ++box) {
        apart.first[apart.at(box, 0)] = apart.last[apart.at(box, 0)] = box & kFull;
        apart.first[apart.at(box, 1)] = apart.last[apart.at(box, 1)] = box >> kBits;
    }
    CHECK(build_tree(apart, all, {.entries = 1u << 20, .slots = 1u << 20, .work = 1u << 26}).within_limits);
    CHECK_FALSE(build_tree(apart, all, {.entries = 1u << 20, .slots = 4, .work = 1u << 26}).within_limits);
}
