// Tested by tests/unit/ir/forest_test.cpp.
#include "compiler/ir/build_forest.h"

#include <algorithm>
#include <bit>
#include <map>
#include <numeric>
#include <optional>
#include <set>

#include "compiler/ir/build_cache.h"
#include "compiler/ir/layout.h"
#include "compiler/ir/residual.h"
#include "compiler/ir/tree.h"
#include "grammar/base/check.h"

namespace weir::ir {
namespace {

using packet::Presence;

constexpr Presence kKinds[WEIR_FOREST_KINDS] = {{{WEIR_HAS_IP4}, {}}, {{WEIR_HAS_IP6}, {}}, {{}, {WEIR_HAS_IP}}};

// ---- which boxes concern which packets ----

class TableMaker {
public:
    TableMaker(Decision& decision, const Boxes& boxes) : decision_(decision), boxes_(boxes), residuals_(decision) {
        for (const Box& box : boxes.boxes) numbers_.push_back(residuals_.number(box.residuals));
    }

    // The boxes of rules that decide (or of the others) that packets of this kind may be in.
    BoxTable table(std::uint32_t kind, bool deciding) {
        const Presence known = implied(kKinds[kind]);
        std::vector<std::uint32_t> members;
        std::vector<Presence> present;  // of the members: what is not known of all packets of this kind
        std::vector<bool> used(boxes_.dimensions.size(), false);
        for (std::uint32_t i = 0; i < boxes_.boxes.size(); ++i) {
            const Box& box = boxes_.boxes[i];
            if (decision_.rules[box.rule].decides_alone() != deciding) continue;
            const Presence wanted = presence_of(box);
            if (!together(wanted, kind).possible()) continue;
            members.push_back(i);
            present.push_back({wanted.ones - known.ones, wanted.zeros - known.zeros});
            for (std::uint32_t d = 0; d < kPresentDimensions; ++d)
                if ((present.back().ones.words[d] | present.back().zeros.words[d]) != 0) used[d] = true;
            for (const Side& side : box.sides)
                if (side.dimension >= kPresentDimensions) used[side.dimension] = true;
        }
        return filled(members, present, used);
    }

private:
    Presence together(const Presence& wanted, std::uint32_t kind) {
        const auto [at, added] = together_[kind].try_emplace(wanted);
        if (added) at->second = packet::implied({wanted.ones | kKinds[kind].ones, wanted.zeros | kKinds[kind].zeros});
        return at->second;
    }
    BoxTable filled(const std::vector<std::uint32_t>& members, const std::vector<Presence>& present,
                    const std::vector<bool>& used) {
        BoxTable table;
        std::vector<std::size_t> column(used.size(), 0);
        for (std::size_t d = 0; d < used.size(); ++d)
            if (used[d]) {
                column[d] = table.dimensions.size();
                table.dimensions.push_back(boxes_.dimensions[d]);
            }
        const std::size_t columns = table.dimensions.size();
        table.first.assign(members.size() * columns, 0);
        table.last.assign(members.size() * columns, 0);
        for (std::size_t i = 0; i < members.size(); ++i) {
            const Box& box = boxes_.boxes[members[i]];
            table.rule.push_back(box.rule);
            table.residual.push_back(numbers_[members[i]]);
            for (std::size_t c = 0; c < columns; ++c)
                if (table.dimensions[c].kind == SideKind::kInterval)
                    table.last[i * columns + c] = table.dimensions[c].full();
            const auto set = [&](const Side& side) {
                if (!used[side.dimension]) return;
                table.first[i * columns + column[side.dimension]] = side.first;
                table.last[i * columns + column[side.dimension]] = side.last;
            };
            for (const Side& side : box.sides)
                if (side.dimension >= kPresentDimensions) set(side);
            for (std::uint32_t d = 0; d < kPresentDimensions; ++d) {
                const std::uint32_t ones = present[i].ones.words[d], zeros = present[i].zeros.words[d];
                set({d, ones, ones | zeros});
            }
        }
        add_contents(table);
        return table;
    }

    static void add_contents(BoxTable& table) {
        std::uint64_t dimensions = table.dimensions.size();
        for (const Dimension& d : table.dimensions)
            dimensions = mix(dimensions, d.word | std::uint64_t{d.shift} << 8 | std::uint64_t{d.bits} << 16 |
                                             static_cast<std::uint64_t>(d.kind) << 24);
        for (std::uint32_t box = 0; box < table.size(); ++box) {
            std::uint64_t hash = dimensions;
            for (std::size_t d = 0; d < table.dimensions.size(); ++d)
                hash = mix(hash, std::uint64_t{table.first[table.at(box, d)]} << 32 | table.last[table.at(box, d)]);
            table.content.push_back(hash);
        }
    }

    Decision& decision_;
    const Boxes& boxes_;
    Residuals residuals_;
    std::vector<std::uint32_t> numbers_;
    std::map<Presence, Presence> together_[WEIR_FOREST_KINDS];
};

// ---- how many trees ----

// A box is narrow or wide in its source and in its destination address: classes 0 (narrow in both) to 3 (wide in both;
// bit 0: source, bit 1: destination). Class 4 are the boxes of class 3 that are also wide in the destination port. A
// scheme lists the classes of each tree. Schemes that separate most come first, because the work is limited.
using Scheme = std::vector<std::vector<std::uint32_t>>;
const Scheme kSchemes[] = {{{0, 2}, {1}, {3}, {4}}, {{0, 1}, {2}, {3}, {4}}, {{0, 1, 2}, {3}, {4}},
                           {{0}, {1}, {2}, {3, 4}}, {{0, 2}, {1, 3, 4}},     {{0, 1}, {2, 3, 4}},
                           {{0, 1, 2}, {3, 4}}};
constexpr std::uint32_t kNarrowBits[] = {16, 8, 24};  // an address side with at least so many fixed bits is narrow

std::uint32_t fixed_bits(const BoxTable& boxes, std::uint32_t box, std::size_t first_offset) {
    std::uint32_t known = 0;
    for (std::size_t d = 0; d < boxes.dimensions.size(); ++d) {
        const Dimension& dimension = boxes.dimensions[d];
        if (dimension.kind != SideKind::kInterval || dimension.word < first_offset / 4 ||
            dimension.word >= first_offset / 4 + 4)
            continue;
        const std::size_t at = boxes.at(box, d);
        known += dimension.bits - static_cast<std::uint32_t>(std::bit_width(boxes.last[at] - boxes.first[at]));
    }
    return known;
}

struct BuiltForest {
    std::vector<BuiltTree> trees;
    std::vector<std::uint32_t> first_rule;
    double cost = 0;
    std::uint64_t work = 0;
    bool within_limits = true;
};

class ForestBuilder {
public:
    ForestBuilder(const BoxTable& boxes, MatchKind match_kind, BuildCache* cache)
        : boxes_(boxes), match_kind_(match_kind), cache_(cache), room_(kWork + boxes.size() * kWorkABox) {}

    // `known`: in, the best grouping of the previous build; out, the best one now.
    BuiltForest build(std::optional<BuildCache::Grouping>& known) {
        if (known && is_near(known->boxes)) {
            BuiltForest again = try_groups(grouping(known->number), kSpread);
            if (again.within_limits) return again;
        }
        known.reset();
        BuiltForest best = try_groups(grouping(0), kSpread);
        std::uint32_t number = 0;
        if (match_kind_ == MatchKind::kFirst && boxes_.size() > kOneTree && !is_good(best)) {
            std::set<Groups> tried{grouping(0)};
            for (std::uint32_t other = 1; other < kGroupings && room_ >= best.work; ++other) {
                const auto [made, added] = tried.insert(grouping(other));
                if (added && consider(best, try_groups(*made, kSpread)))
                    number = other;  // schemes are equal if classes are empty
            }
        }
        if (best.within_limits) known = {number, boxes_.size()};
        // If boxes are copied too often, cut less, then never copy a box.
        for (const double spread : {2.0, 1.0})
            if (!best.within_limits) best = try_groups(grouping(0), spread);
        WEIR_CHECK(best.within_limits);
        return best;
    }

private:
    using Groups = std::vector<std::vector<std::uint32_t>>;
    static constexpr std::uint32_t kGroupings = 1 + std::size(kNarrowBits) * std::size(kSchemes);  // 0: one tree
    static constexpr double kSpread = 4;
    static constexpr std::uint32_t kOneTree = 24;       // boxes for which one tree is enough
    static constexpr std::uint64_t kWork = 10'000'000;  // elementary steps, about 1 ns each
    static constexpr std::uint64_t kWorkABox = 5000;
    static constexpr std::uint64_t kEntriesABox = 16, kSlotsABox = 32, kAtLeast = 1 << 16;

    // The number of boxes changed so little that the previous grouping is used again.
    bool is_near(std::uint32_t boxes) const {
        constexpr std::uint32_t kPart = 16;
        return std::max(boxes, boxes_.size()) - std::min(boxes, boxes_.size()) <= boxes / kPart;
    }
    Groups grouping(std::uint32_t number) const {
        Groups made;
        std::vector<std::uint32_t> classes(boxes_.size());
        if (number == 0) {
            std::iota(classes.begin(), classes.end(), 0);
            return {classes};
        }
        const Scheme& scheme = kSchemes[(number - 1) % std::size(kSchemes)];
        const std::uint32_t narrow_bits = kNarrowBits[(number - 1) / std::size(kSchemes)];
        for (std::uint32_t box = 0; box < boxes_.size(); ++box) {
            classes[box] = (fixed_bits(boxes_, box, offsetof(weir_packet, ip_src)) < narrow_bits ? 1u : 0u) |
                           (fixed_bits(boxes_, box, offsetof(weir_packet, ip_dst)) < narrow_bits ? 2u : 0u);
            if (classes[box] == 3 && is_wide_in_port(box)) classes[box] = 4;
        }
        for (const auto& group : scheme) {
            std::vector<std::uint32_t> members;
            for (std::uint32_t box = 0; box < boxes_.size(); ++box)
                if (std::find(group.begin(), group.end(), classes[box]) != group.end()) members.push_back(box);
            if (!members.empty()) made.push_back(std::move(members));
        }
        return made;
    }

    bool is_wide_in_port(std::uint32_t box) const {
        constexpr std::uint32_t kWidePorts = 4096;
        for (std::size_t d = 0; d < boxes_.dimensions.size(); ++d) {
            const Dimension& dimension = boxes_.dimensions[d];
            if (dimension.word * 4u + dimension.shift / 8u == offsetof(weir_packet, port_dst))
                return boxes_.last[boxes_.at(box, d)] - boxes_.first[boxes_.at(box, d)] >= kWidePorts;
        }
        return true;
    }
    BuiltForest try_groups(const Groups& groups, double spread) {
        BuiltForest built;
        TreeLimits limits;
        limits.match_kind = match_kind_;
        limits.spread = spread;
        limits.entries = spread <= 1 ? boxes_.size() : boxes_.size() * kEntriesABox + kAtLeast;
        limits.slots = spread <= 1 ? ~std::uint64_t{0} : boxes_.size() * kSlotsABox + kAtLeast;
        limits.work = (kWork + boxes_.size() * kWorkABox) / 6;
        for (const auto& members : groups) {
            built.first_rule.push_back(boxes_.rule[members.front()]);
            built.trees.push_back(build_tree(boxes_, members, limits, cache_));
            built.work += built.trees.back().work;
            built.within_limits = built.within_limits && built.trees.back().within_limits;
        }
        room_ -= std::min(room_, built.work);
        if (built.within_limits) built.cost = cost(built);
        return built;
    }
    // Few copied boxes and short leaves: other schemes are not worth their time.
    bool is_good(const BuiltForest& built) const {
        constexpr std::uint32_t kShortLeaf = 16;
        const BuiltTree& tree = built.trees[0];
        return built.within_limits && tree.members.size() <= boxes_.size() * 3 / 2 && tree.longest_leaf <= kShortLeaf;
    }
    static bool consider(BuiltForest& best, BuiltForest other) {
        if (!other.within_limits || (best.within_limits && other.cost >= best.cost)) return false;
        other.work = std::max(best.work, other.work);
        best = std::move(other);
        return true;
    }

    // Estimated ns a packet, for packets at the corners of some boxes. Costs of a tree, a node and an entry were
    // measured on one machine.
    double cost(const BuiltForest& built) const {
        constexpr std::uint32_t kPackets = 512;
        std::size_t bytes = 0;
        for (const BuiltTree& tree : built.trees) bytes += tree.slots.size() * 8 + tree.members.size() * 32;
        const double far = bytes < 256 * 1024 ? 1 : bytes < 4 * 1024 * 1024 ? 1.5 : 3;
        double sum = 0;
        std::uint64_t random = 88172645463325252u;
        std::vector<std::size_t> order(built.trees.size());
        for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
        std::sort(order.begin(), order.end(),
                  [&](std::size_t a, std::size_t b) { return built.first_rule[a] < built.first_rule[b]; });
        for (std::uint32_t i = 0; i < kPackets; ++i) {
            std::uint32_t words[64] = {};
            const auto box = static_cast<std::uint32_t>(std::uint64_t{i} * boxes_.size() / kPackets);
            for (std::size_t d = 0; d < boxes_.dimensions.size(); ++d) {
                random ^= random << 13, random ^= random >> 7, random ^= random << 17;
                const std::uint32_t first = boxes_.first[boxes_.at(box, d)], last = boxes_.last[boxes_.at(box, d)];
                const Dimension& dimension = boxes_.dimensions[d];
                const std::uint32_t value =
                    dimension.kind == SideKind::kBits
                        ? first
                        : static_cast<std::uint32_t>(first + random % (std::uint64_t{last} - first + 1));
                words[dimension.word] |= value << dimension.shift;
            }
            sum += walk(built, order, words, far);
        }
        return sum / kPackets;
    }
    double walk(const BuiltForest& built, const std::vector<std::size_t>& order, const std::uint32_t* words,
                double far) const {
        constexpr double kTree = 5, kNode = 4, kEntry = 4;
        double sum = 0;
        std::uint32_t best = ~0u;
        for (const std::size_t t : order) {
            if (built.first_rule[t] >= best) break;
            const BuiltTree& tree = built.trees[t];
            sum += kTree;
            std::uint64_t slot = tree.root;
            while ((slot & WEIR_LEAF) == 0) {
                sum += kNode * far;
                slot = tree.slots[static_cast<std::uint32_t>(slot) +
                                  (words[slot >> WEIR_SLOT_WORD & 63] >> (slot >> WEIR_SLOT_SHIFT & 31) &
                                   (slot >> WEIR_SLOT_MASK & 0x7fff))];
            }
            const std::size_t begin = slot & 0xffffffff, count = slot >> 32 & WEIR_LEAF_COUNT_MASK;
            for (std::size_t i = begin; i < begin + count; ++i) {
                const std::uint32_t box = tree.members[i];
                if (boxes_.rule[box] >= best) break;
                sum += i == begin ? kEntry * far : kEntry;
                if (is_in(box, words)) {
                    best = boxes_.rule[box];
                    break;
                }
            }
        }
        return sum;
    }
    bool is_in(std::uint32_t box, const std::uint32_t* words) const {
        for (std::size_t d = 0; d < boxes_.dimensions.size(); ++d) {
            const std::uint32_t value = boxes_.dimensions[d].of(words), first = boxes_.first[boxes_.at(box, d)],
                                last = boxes_.last[boxes_.at(box, d)];
            const bool in = boxes_.dimensions[d].kind == SideKind::kInterval ? value >= first && value <= last
                                                                             : (value & last) == first;
            if (!in) return false;
        }
        return true;
    }

    const BoxTable& boxes_;
    MatchKind match_kind_;
    BuildCache* cache_;
    std::uint64_t room_;
};

// Appends the trees to the tables that all forests share.
Forest append_forest(const BoxTable& boxes, BuiltForest built, Forests& forests) {
    Forest forest;
    forest.layout = make_layout(boxes);
    forest.boxes = boxes.size();
    for (std::size_t t = 0; t < built.trees.size(); ++t) {
        const BuiltTree& tree = built.trees[t];
        const std::uint64_t slots = forests.slots.size(), entries = forests.entries.size();
        const auto moved = [&](std::uint64_t slot) {
            if ((slot & WEIR_LEAF) == 0) return slot + slots;
            if ((slot >> 32 & WEIR_LEAF_COUNT_MASK) == 0) return slot;
            return (slot & ~std::uint64_t{0xffffffff}) | (entries + (slot & 0xffffffff) * forest.layout.words);
        };
        for (const std::uint64_t slot : tree.slots) forests.slots.push_back(moved(slot));
        for (const std::uint32_t box : tree.members) append_entry(forest.layout, boxes, box, forests.entries);
        WEIR_CHECK(forests.slots.size() < 0xffffffff && forests.entries.size() < 0xffffffff);
        forest.trees.push_back({moved(tree.root), built.first_rule[t]});
        forest.longest_leaf = std::max(forest.longest_leaf, tree.longest_leaf);
        forest.depth = std::max(forest.depth, tree.depth);
        forest.slots += static_cast<std::uint32_t>(tree.slots.size());
        forest.entries += static_cast<std::uint32_t>(tree.members.size());
    }
    std::sort(forest.trees.begin(), forest.trees.end(),
              [](const Tree& a, const Tree& b) { return a.first_rule < b.first_rule; });
    WEIR_CHECK(forest.trees.size() <= WEIR_TREES);
    return forest;
}

}  // namespace

void build_forest(Decision& decision, const Boxes& boxes, BuildCache* cache) {
    TableMaker maker(decision, boxes);
    for (const bool deciding : {true, false})
        for (std::uint32_t kind = 0; kind < WEIR_FOREST_KINDS; ++kind) {
            const BoxTable table = maker.table(kind, deciding);
            if (table.size() == 0) continue;
            ForestBuilder builder(table, deciding ? MatchKind::kFirst : MatchKind::kAll, cache);
            const std::uint32_t forest = deciding ? kind : WEIR_FOREST_KINDS + kind;
            std::optional<BuildCache::Grouping> none;
            decision.forests.kinds[forest] = append_forest(
                table, builder.build(cache != nullptr ? cache->groupings[forest] : none), decision.forests);
        }
}

}  // namespace weir::ir
