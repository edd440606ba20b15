// Tested by tests/verdict/fields_test.cpp with `not in`.
#include "compiler/codegen/range_lines.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "grammar/base/check.h"

namespace weir::codegen {
namespace {

constexpr std::uint64_t kOnes = ~std::uint64_t{0};
constexpr std::uint64_t kLow63 = kOnes >> 1;
constexpr std::size_t kEntriesALine = sizeof(weir_line) / sizeof(std::uint32_t);
constexpr std::uint64_t kBitsALine = sizeof(weir_line) * 8;

// How a node of each kind of tree stores its keys.
struct Keys32 {
    using Key = std::uint64_t;
    static constexpr std::size_t kKeys = 16, kLines = 1;
    static constexpr std::uint64_t kUnused = kOnes;  // fills places without a key; not less than any number
    static void put(weir_line* lines, std::size_t i, Key key) {
        const auto narrow = static_cast<std::uint32_t>(key);
        std::memcpy(reinterpret_cast<char*>(lines) + i * sizeof(narrow), &narrow, sizeof(narrow));
    }
    static std::uint64_t first_bits(Key key) { return key; }
};
struct Keys63 {
    using Key = std::uint64_t;
    static constexpr std::size_t kKeys = 8, kLines = 1;
    static constexpr std::uint64_t kUnused = kLow63;
    static void put(weir_line* lines, std::size_t i, Key key) { lines[i / 8].words[i % 8] = key; }
    static std::uint64_t first_bits(Key key) { return key; }
};
struct Keys126 {
    using Key = ir::Address6;  // 63 bits each
    static constexpr std::size_t kKeys = 8, kLines = 2;
    static constexpr std::uint64_t kUnused = kLow63;
    static void put(weir_line* lines, std::size_t i, const Key& key) {
        lines[i / 4].words[i % 4 * 2] = key.first;
        lines[i / 4].words[i % 4 * 2 + 1] = key.second;
    }
    static std::uint64_t first_bits(const Key& key) { return key.first; }
};

// A tree over sorted keys, as bpf/abi.h describes it, of numbers whose first word has `bits` bits.
template <typename Shape>
class TreeBuilder {
public:
    using Keys = std::vector<typename Shape::Key>;
    TreeBuilder(const Keys& keys, unsigned bits, std::vector<weir_line>& lines)
        : keys_(keys), bits_(bits), lines_(lines) {}

    weir_tree build(bool inside) {
        tree_.inside = inside ? 1 : 0;
        std::size_t nodes = std::max<std::size_t>(1, (keys_.size() + kKeys - 1) / kKeys);
        add_leaves(nodes);
        std::size_t level = 0;
        for (std::size_t leaves = 1; nodes > 1; leaves *= kChildren) {
            nodes = (nodes + kChildren - 1) / kChildren;
            WEIR_CHECK(++level < WEIR_TREE_LEVELS);
            tree_.levels[level] = next_line();
            add_level(nodes, leaves);
        }
        add_starts();
        return tree_;
    }

private:
    static constexpr std::size_t kKeys = Shape::kKeys;
    static constexpr std::size_t kChildren = kKeys + 1;

    std::uint32_t next_line() const { return static_cast<std::uint32_t>(lines_.size()); }

    weir_line* add_nodes(std::size_t nodes) {
        weir_line unused;
        std::fill(std::begin(unused.words), std::end(unused.words), Shape::kUnused);
        const std::size_t first = lines_.size();
        lines_.resize(first + nodes * Shape::kLines, unused);
        return &lines_[first];
    }

    // All keys, and one node after them: a walk may start at any key and reads as many keys as a node has.
    void add_leaves(std::size_t nodes) {
        tree_.levels[0] = next_line();
        weir_line* lines = add_nodes(nodes + 1);
        for (std::size_t i = 0; i < keys_.size(); ++i) Shape::put(lines, i, keys_[i]);
    }

    // The first key of each child except the first; a child has that many leaves.
    void add_level(std::size_t nodes, std::size_t leaves_of_child) {
        weir_line* lines = add_nodes(nodes);
        for (std::size_t node = 0; node < nodes; ++node)
            for (std::size_t i = 0; i < kKeys; ++i) {
                const std::size_t key = (node * kChildren + i + 1) * leaves_of_child * kKeys;
                if (key < keys_.size()) Shape::put(lines + node * Shape::kLines, i, keys_[key]);
            }
    }

    // The leaf that a walk for a number ends in, where `passed` keys are below the number.
    static std::size_t leaf_of(std::size_t passed) { return passed == 0 ? 0 : (passed - 1) / kKeys; }

    // For each value of a number's first bits: where the walk starts. The number of bits is chosen so that, with evenly
    // spread keys, a quarter to half a node of keys has the same first bits.
    void add_starts() {
        const unsigned bits = std::min(static_cast<unsigned>(std::bit_width(2 * keys_.size() / kKeys)), bits_);
        tree_.shift = std::min(bits_ - bits, 63u);
        tree_.starts = next_line();
        const std::size_t entries = std::size_t{1} << bits;
        lines_.resize(lines_.size() + (entries + kEntriesALine - 1) / kEntriesALine);
        auto* starts = reinterpret_cast<std::uint32_t*>(&lines_[tree_.starts]);
        std::size_t passed = 0;  // keys below the entry's first number
        for (std::size_t entry = 0; entry < entries; ++entry) {
            const std::size_t first = passed;
            while (passed < keys_.size() && Shape::first_bits(keys_[passed]) >> tree_.shift <= entry) ++passed;
            starts[entry] = passed - first <= kKeys ? static_cast<std::uint32_t>(first)
                                                    : common_node(leaf_of(first), leaf_of(passed));
        }
    }

    // The lowest common ancestor of both leaves.
    static std::uint32_t common_node(std::size_t first_leaf, std::size_t last_leaf) {
        std::uint32_t level = 0;
        for (; first_leaf != last_leaf; first_leaf /= kChildren, last_leaf /= kChildren) ++level;
        return level << WEIR_START_LEVEL_SHIFT | static_cast<std::uint32_t>(first_leaf);
    }

    const Keys& keys_;
    const unsigned bits_;
    std::vector<weir_line>& lines_;
    weir_tree tree_{};
};

weir_line as_line(const weir_tree& tree) {
    static_assert(sizeof(weir_tree) == sizeof(weir_line));
    weir_line line;
    std::memcpy(&line, &tree, sizeof(line));
    return line;
}

// The keys of sorted ranges: each boundary minus one. `inside`: the space starts inside a range.
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
        if (first == 0)
            all.inside = true;
        else if (!all.keys.empty() && all.keys.back() == first - 1)
            all.keys.pop_back();  // adjacent to the previous range
        else
            all.keys.push_back(first - 1);
        if (last != last_of_space) all.keys.push_back(last);
    }
    return all;
}

template <typename Shape, typename Ranges>
std::uint32_t add_tree(std::vector<weir_line>& lines, const Ranges& ranges, std::uint64_t largest) {
    const Boundaries<std::uint64_t> all = boundaries(ranges, largest);
    const auto root = static_cast<std::uint32_t>(lines.size());
    lines.emplace_back();
    const auto bits = static_cast<unsigned>(std::bit_width(largest));
    const weir_tree tree = TreeBuilder<Shape>(all.keys, bits, lines).build(all.inside);
    lines[root] = as_line(tree);
    return root;
}

ir::Address6 before(const ir::Address6& address) {
    return {address.first - (address.second == 0 ? 1 : 0), address.second - 1};
}

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
        if (first <= first_of)
            all.inside = true;
        else if (!all.keys.empty() && all.keys.back() == key_of(before(first)))
            all.keys.pop_back();
        else
            all.keys.push_back(key_of(before(first)));
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

// The ranges, clipped to the possible numbers.
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
    constexpr unsigned kBits = 63;
    const auto roots = static_cast<std::uint32_t>(lines.size());
    lines.resize(roots + kQuarters);
    for (std::uint32_t number = 0; number < kQuarters; ++number) {
        const Boundaries<ir::Address6> all = quarter(ranges, number);
        weir_tree tree;
        if (is_short) {
            std::vector<std::uint64_t> keys;
            keys.reserve(all.keys.size());
            for (const ir::Address6& key : all.keys) keys.push_back(key.first);
            tree = TreeBuilder<Keys63>(keys, kBits, lines).build(all.inside);
        } else {
            tree = TreeBuilder<Keys126>(all.keys, kBits, lines).build(all.inside);
        }
        lines[roots + number] = as_line(tree);
    }
    return {is_short ? "weir_in_nets6" : "weir_in_ranges6", roots};
}

// The place in `known`, else the place that `add` makes. Only small lists are remembered; equal literals are common.
template <typename Known, typename Key, typename Add>
Search once(Known& known, const Key& key, std::size_t ranges, Add add) {
    constexpr std::size_t kMaxLiteral = 65536;
    if (ranges > kMaxLiteral) return add();
    const auto found = known.find(key);
    return found != known.end() ? found->second : known.emplace(key, add()).first->second;
}

}  // namespace

Search RangeLines::add(const Ranges64& ranges, std::uint64_t largest) {
    // With fewer ranges a tree is smaller than a bitmap, and as fast.
    constexpr std::size_t kRangesInTree = 32;
    constexpr std::size_t kBitmapsInCode = 256;  // a call costs the packet 1 to 2 ns, and LLVM less
    WEIR_CHECK(largest <= kLow63);
    if (ranges.size() <= kRangesInCode) return {};
    return once(known_, std::pair(largest, ranges), ranges.size(), [&]() -> Search {
        const Ranges64 there = up_to(ranges, largest);
        if (largest <= 0xffff && there.size() > kRangesInTree)
            return {known_.size() < kBitmapsInCode ? "weir_in_bitmap" : "weir_in_shared_bitmap",
                    add_bitmap(lines_, there)};
        if (largest <= kOnes >> 32) return {"weir_in_ranges32", add_tree<Keys32>(lines_, there, largest)};
        return {"weir_in_ranges64", add_tree<Keys63>(lines_, there, largest)};
    });
}

Search RangeLines::add4(const Ranges32& ranges) {
    if (ranges.size() <= kRangesInCode) return {};
    return once(known4_, ranges, ranges.size(),
                [&]() -> Search { return {"weir_in_ranges32", add_tree<Keys32>(lines_, ranges, kOnes >> 32)}; });
}

Search RangeLines::add6(const Ranges128& ranges) {
    if (ranges.size() <= kRangesInCode) return {};
    return once(known6_, ranges, ranges.size(), [&] { return search6(lines_, ranges); });
}

}  // namespace weir::codegen
