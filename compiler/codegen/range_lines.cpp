#include "compiler/codegen/range_lines.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "grammar/check.h"

namespace weir::codegen {
namespace {

constexpr std::uint64_t kOnes = ~std::uint64_t{0};
constexpr std::uint64_t kLow63 = kOnes >> 1;
constexpr std::size_t kEntriesALine = sizeof(weir_line) / sizeof(std::uint32_t);
constexpr std::uint64_t kBitsALine = sizeof(weir_line) * 8;

// How the keys of each kind of tree lie in a node.
struct Keys32 {
    using Key = std::uint64_t;
    static constexpr std::size_t kKeys = 16, kLines = 1;
    static constexpr unsigned kBits = 32;
    static void put(weir_line* node, std::size_t i, Key key) {
        const auto narrow = static_cast<std::uint32_t>(key);
        std::memcpy(reinterpret_cast<char*>(node) + i * sizeof(narrow), &narrow, sizeof(narrow));
    }
    static std::uint64_t first_bits(Key key) { return key; }
};
struct Keys63 {
    using Key = std::uint64_t;
    static constexpr std::size_t kKeys = 8, kLines = 1;
    static constexpr unsigned kBits = 63;
    static void put(weir_line* node, std::size_t i, Key key) { node->words[i] = key; }
    static std::uint64_t first_bits(Key key) { return key; }
};
struct Keys126 {
    using Key = ir::Address6;   // 63 bits each
    static constexpr std::size_t kKeys = 8, kLines = 2;
    static constexpr unsigned kBits = 63;   // of the high half, which the starts look at
    static void put(weir_line* node, std::size_t i, const Key& key) {
        node[0].words[i] = key.first;
        node[1].words[i] = key.second;
    }
    static std::uint64_t first_bits(const Key& key) { return key.first; }
};

// A tree over sorted keys, as bpf/abi.h describes it.
template <typename Shape>
class TreeBuilder {
public:
    using Keys = std::vector<typename Shape::Key>;
    TreeBuilder(const Keys& keys, std::vector<weir_line>& lines) : keys_(keys), lines_(lines) {}

    weir_tree build(bool inside) {
        tree_.inside = inside ? 1 : 0;
        std::size_t nodes = std::max<std::size_t>(1, (keys_.size() + Shape::kKeys - 1) / Shape::kKeys);
        leaves_ = nodes;
        for (std::size_t leaves_below = 1;; leaves_below *= kChildren) {
            WEIR_CHECK(top_ < WEIR_TREE_LEVELS);
            tree_.levels[top_] = static_cast<std::uint32_t>(lines_.size());
            add_level(nodes, leaves_below);
            if (nodes == 1) break;
            nodes = (nodes + kChildren - 1) / kChildren;
            ++top_;
        }
        add_starts();
        return tree_;
    }

private:
    static constexpr std::size_t kChildren = Shape::kKeys + 1;

    // Level 0: all keys; above: the first key of each child but the first. A child has `leaves_below` / kChildren leaves.
    void add_level(std::size_t nodes, std::size_t leaves_below) {
        const std::size_t first = lines_.size();
        weir_line ones;
        std::fill(std::begin(ones.words), std::end(ones.words), kOnes);
        lines_.resize(first + nodes * Shape::kLines, ones);
        for (std::size_t node = 0; node < nodes; ++node) {
            weir_line* line = &lines_[first + node * Shape::kLines];
            for (std::size_t i = 0; i < Shape::kKeys; ++i) {
                const std::size_t leaf = (node * kChildren + i + 1) * (leaves_below / kChildren);
                const std::size_t key = leaves_below == 1 ? node * Shape::kKeys + i : leaf * Shape::kKeys;
                if (key < keys_.size()) Shape::put(line, i, keys_[key]);
            }
        }
    }

    // The leaf that a walk for a number ends in, where `passed` keys are below the number.
    std::size_t leaf_of(std::size_t passed) const { return passed == 0 ? 0 : (passed - 1) / Shape::kKeys; }

    // For each value of a number's first bits the lowest node that all numbers with it go through. As many as there are
    // leaves, about: that many more lines make the walk a step or two long.
    void add_starts() {
        const unsigned bits = std::min<unsigned>(static_cast<unsigned>(std::bit_width(leaves_ - 1)), Shape::kBits);
        tree_.shift = std::min(Shape::kBits - bits, 63u);
        tree_.starts = static_cast<std::uint32_t>(lines_.size());
        const std::size_t entries = std::size_t{1} << bits;
        lines_.resize(lines_.size() + (entries + kEntriesALine - 1) / kEntriesALine);
        auto* starts = reinterpret_cast<std::uint32_t*>(&lines_[tree_.starts]);
        std::size_t passed = 0;      // keys below the first number of the entry
        for (std::size_t entry = 0; entry < entries; ++entry) {
            std::size_t first_leaf = leaf_of(passed), level = 0;
            while (passed < keys_.size() && Shape::first_bits(keys_[passed]) >> tree_.shift <= entry) ++passed;
            // A key with this entry's bits may be below its last number; the next entry's first number is behind it.
            std::size_t last_leaf = leaf_of(passed);
            for (; first_leaf != last_leaf; first_leaf /= kChildren, last_leaf /= kChildren) ++level;
            starts[entry] = static_cast<std::uint32_t>(level << WEIR_START_LEVEL_SHIFT | first_leaf);
        }
    }

    const Keys& keys_;
    std::vector<weir_line>& lines_;
    weir_tree tree_{};
    std::size_t top_ = 0;
    std::size_t leaves_ = 0;
};

weir_line as_line(const weir_tree& tree) {
    static_assert(sizeof(weir_tree) == sizeof(weir_line));
    weir_line line;
    std::memcpy(&line, &tree, sizeof(line));
    return line;
}

// The keys of sorted ranges: each boundary less one. `before_first`: the space begins inside of a range.
template <typename Key>
struct Boundaries {
    std::vector<Key> keys;
    bool inside = false;
};
template <typename Ranges>
Boundaries<std::uint64_t> boundaries(const Ranges& ranges, std::uint64_t last_of_space) {
    Boundaries<std::uint64_t> all;
    all.keys.reserve(ranges.size() * 2);
    for (const auto& [first, last] : ranges) {
        if (first == 0) all.inside = true;
        else if (!all.keys.empty() && all.keys.back() == first - 1) all.keys.pop_back();   // meets the range before
        else all.keys.push_back(first - 1);
        if (last != last_of_space) all.keys.push_back(last);
    }
    return all;
}

template <typename Shape>
std::uint32_t add_tree(std::vector<weir_line>& lines, const Boundaries<typename Shape::Key>& all) {
    const auto root = static_cast<std::uint32_t>(lines.size());
    lines.emplace_back();
    lines[root] = as_line(TreeBuilder<Shape>(all.keys, lines).build(all.inside));
    return root;
}

ir::Address6 before(const ir::Address6& address) { return {address.first - (address.second == 0 ? 1 : 0), address.second - 1}; }

// The part of the ranges in one quarter of the IPv6 space, each key 126 bits.
Boundaries<ir::Address6> quarter(const Ranges128& ranges, std::uint64_t number) {
    constexpr unsigned kShift = 62;
    const auto key_of = [](const ir::Address6& address) {
        return ir::Address6{(address.first << 1 | address.second >> 63) & kLow63, address.second & kLow63};
    };
    const ir::Address6 first_of{number << kShift, 0}, last_of{number << kShift | kOnes >> 2, kOnes};
    Boundaries<ir::Address6> all;
    for (const auto& [first, last] : ranges) {
        if (last < first_of || first > last_of) continue;
        if (first <= first_of) all.inside = true;
        else if (!all.keys.empty() && all.keys.back() == key_of(before(first))) all.keys.pop_back();
        else all.keys.push_back(key_of(before(first)));
        if (last < last_of) all.keys.push_back(key_of(last));
    }
    return all;
}

std::uint32_t add_bitmap(std::vector<weir_line>& lines, const Ranges64& ranges) {
    constexpr std::uint64_t kNumbers = 1 << 16;
    const auto first = static_cast<std::uint32_t>(lines.size());
    lines.resize(first + kNumbers / kBitsALine);
    for (const auto& [from, to] : ranges)
        for (std::uint64_t number = from; number <= to && number < kNumbers; ++number)
            lines[first + number / kBitsALine].words[number / 64 % 8] |= std::uint64_t{1} << number % 64;
    return first;
}

// What of the ranges there can be.
Ranges64 up_to(const Ranges64& ranges, std::uint64_t largest) {
    Ranges64 there;
    for (const auto& [first, last] : ranges)
        if (first <= largest) there.push_back({first, std::min(last, largest)});
    return there;
}

Search search6(std::vector<weir_line>& lines, const Ranges128& ranges) {
    const bool is_short = std::all_of(ranges.begin(), ranges.end(), [](const auto& range) {
        return (range.first.second & kLow63) == 0 && (range.second.second & kLow63) == kLow63;
    });
    constexpr std::uint32_t kQuarters = 4;
    const auto roots = static_cast<std::uint32_t>(lines.size());
    lines.resize(roots + kQuarters);
    for (std::uint32_t number = 0; number < kQuarters; ++number) {
        const Boundaries<ir::Address6> all = quarter(ranges, number);
        weir_tree tree;
        if (is_short) {
            std::vector<std::uint64_t> keys;
            keys.reserve(all.keys.size());
            for (const ir::Address6& key : all.keys) keys.push_back(key.first);
            tree = TreeBuilder<Keys63>(keys, lines).build(all.inside);
        } else {
            tree = TreeBuilder<Keys126>(all.keys, lines).build(all.inside);
        }
        lines[roots + number] = as_line(tree);
    }
    return {is_short ? "weir_in_nets6" : "weir_in_ranges6", roots};
}

// As `known` has it, else as `add` makes it. Only literals are written down twice: what is larger is not remembered.
template <typename Known, typename Key, typename Add>
Search once(Known& known, const Key& key, std::size_t ranges, Add add) {
    constexpr std::size_t kMaxLiteral = 65536;
    if (ranges > kMaxLiteral) return add();
    const auto found = known.find(key);
    return found != known.end() ? found->second : known.emplace(key, add()).first->second;
}

}  // namespace

Search RangeLines::add(const Ranges64& ranges, std::uint64_t largest) {
    // Below, a tree is smaller than a bitmap, and as quick.
    constexpr std::size_t kRangesInTree = 32;
    WEIR_CHECK(largest <= kLow63);
    if (ranges.size() <= kRangesInCode) return {};
    return once(known_, std::pair(largest, ranges), ranges.size(), [&]() -> Search {
        const Ranges64 there = up_to(ranges, largest);
        if (largest <= 0xffff && there.size() > kRangesInTree) return {"weir_in_bitmap", add_bitmap(lines_, there)};
        if (largest <= kOnes >> 32) return {"weir_in_ranges32", add_tree<Keys32>(lines_, boundaries(there, kOnes >> 32))};
        return {"weir_in_ranges64", add_tree<Keys63>(lines_, boundaries(there, kLow63))};
    });
}

Search RangeLines::add4(const Ranges32& ranges) {
    if (ranges.size() <= kRangesInCode) return {};
    return once(known4_, ranges, ranges.size(), [&]() -> Search {
        return {"weir_in_ranges32", add_tree<Keys32>(lines_, boundaries(ranges, kOnes >> 32))};
    });
}

Search RangeLines::add6(const Ranges128& ranges) {
    if (ranges.size() <= kRangesInCode) return {};
    return once(known6_, ranges, ranges.size(), [&] { return search6(lines_, ranges); });
}

}  // namespace weir::codegen
