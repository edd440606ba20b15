// The choice of a node's window: every window of every dimension is tried on the node's boxes, or on a sample of them.
// Tested by tests/unit/ir/tree_test.cpp with `build_tree`.
#include <algorithm>
#include <bit>

#include "compiler/ir/build_cache.h"
#include "compiler/ir/tree.h"

namespace weir::ir {
namespace {

constexpr std::size_t kSample = 256;       // boxes in the sample
constexpr std::size_t kSmallSample = 32;   // once the limit on work is reached
constexpr std::uint32_t kPatternBits = 5;  // of a window over flags: a slot for each combination
constexpr double kSlotWeight = 0.25;       // a slot's memory counts as so many boxes
constexpr std::uint64_t kWindowWork = 16;  // steps for each window, at least
constexpr double kWorthIt = 0.97;          // a window must reduce the cost to less than this share

struct Candidate {
    double cost;
    Window window;
};

// The sides of the sampled boxes in one dimension, and the bits in which they differ.
struct Sides {
    std::vector<Range32> all;
    std::uint32_t discriminating = 0;
};

Sides sides_of(const BoxTable& boxes, std::span<const std::uint32_t> sample, std::size_t dimension,
               const Known& known) {
    Sides sides;
    sides.all.reserve(sample.size());
    const Dimension& d = boxes.dimensions[dimension];
    const std::uint32_t lowest = known.value[dimension], highest = lowest | (d.full() & ~known.mask[dimension]);
    bool has_wide = false, has_narrow = false;
    Range32 one{};
    for (const std::uint32_t box : sample) {
        const Range32 side = side_within(boxes, box, dimension, known);
        sides.all.push_back(side);
        const bool wide = d.kind == SideKind::kInterval ? side.first <= lowest && side.last >= highest
                                                        : (side.last & ~known.mask[dimension]) == 0;
        has_wide |= wide;
        if (wide) continue;
        if (!has_narrow) one = side;
        has_narrow = true;
        sides.discriminating |= (side.first ^ one.first) | (side.last ^ one.last);
        if (d.kind == SideKind::kInterval) sides.discriminating |= side.first ^ side.last;
    }
    // If some sides are wide, any bit separates them from the narrow ones.
    if (has_narrow && has_wide) sides.discriminating = ~0u;
    sides.discriminating &= d.full() & ~known.mask[dimension];
    return sides;
}

class Chooser {
public:
    Chooser(const BoxTable& boxes, std::span<const std::uint32_t> sample, double scale, const TreeLimits& limits,
            std::uint64_t& work)
        : boxes_(boxes),
          sample_(sample),
          scale_(scale),
          work_(work),
          reach_limit_(static_cast<std::uint64_t>(limits.spread * static_cast<double>(sample.size())) +
                       (limits.spread > 1 ? 16 : 0)) {}

    void try_dimension(std::uint32_t dimension, const Known& known, std::uint32_t most_bits) {
        const Dimension& d = boxes_.dimensions[dimension];
        const Sides sides = sides_of(boxes_, sample_, dimension, known);
        work_ += sample_.size();
        if (d.kind == SideKind::kBits) most_bits = std::min(most_bits, kPatternBits);
        for (std::uint32_t shift = 0; shift < d.bits; ++shift) {
            if ((sides.discriminating >> shift & 1) == 0) continue;
            for (std::uint32_t bits = 1; bits <= most_bits && shift + bits <= d.bits; ++bits) {
                if ((known.mask[dimension] >> (shift + bits - 1) & 1) != 0) break;
                if (std::uint64_t{1} << bits > 4 * sample_.size() + 2) break;  // too many slots for so few boxes
                if (bits > 4 && bits < most_bits && (bits & 1) != 0) continue;
                if (!try_window(sides, d.kind, {dimension, shift, bits})) break;
            }
        }
    }
    const Candidate& best() const { return best_; }

private:
    // False if the window copies the boxes too often; wider windows would copy them more.
    bool try_window(const Sides& sides, SideKind kind, const Window& window) {
        const std::uint32_t mask = window.mask();
        counts_.assign(std::size_t{mask} + 2, 0);
        std::uint64_t reached = 0;
        for (const Range32& side : sides.all) {
            reached += kind == SideKind::kInterval ? count_interval(side, window.shift, mask)
                                                   : count_pattern(side, window.shift, mask);
            if (reached > reach_limit_) {
                work_ += sample_.size();
                return false;
            }
        }
        work_ += kWindowWork + sample_.size() + mask;
        std::uint64_t squares = 0;
        std::int64_t running = 0;
        for (std::uint32_t slot = 0; slot <= mask; ++slot) {
            running += counts_[slot];
            squares += static_cast<std::uint64_t>(running * running);
        }
        const double boxes = static_cast<double>(sample_.size()) * scale_;
        const double left = static_cast<double>(squares) / static_cast<double>(reached) * scale_;
        const double replication = (static_cast<double>(reached) * scale_ + kSlotWeight * (mask + 1.0)) / boxes;
        const double cost = std::max(left, 1.0) * replication;
        if (cost < best_.cost * 0.999) best_ = {cost, window};
        return true;
    }
    // Into a table of differences: +1 at the first slot of the side, -1 after the last.
    std::uint64_t count_interval(const Range32& side, std::uint32_t shift, std::uint32_t mask) {
        const std::uint32_t from = side.first >> shift, to = side.last >> shift;
        if (to - from >= mask) {
            ++counts_[0];
            return mask + std::uint64_t{1};
        }
        const std::uint32_t a = from & mask, b = to & mask;
        ++counts_[a];
        --counts_[b + 1];
        if (a <= b) return b - a + 1;
        ++counts_[0];
        return std::uint64_t{mask} + 1 - a + b + 1;
    }
    std::uint64_t count_pattern(const Range32& side, std::uint32_t shift, std::uint32_t mask) {
        std::uint64_t reached = 0;
        for_each_slot(SideKind::kBits, side, shift, mask, [&](std::uint32_t slot) {
            ++counts_[slot];
            --counts_[slot + 1];
            ++reached;
        });
        return reached;
    }

    const BoxTable& boxes_;
    std::span<const std::uint32_t> sample_;
    double scale_;
    std::uint64_t& work_;
    std::uint64_t reach_limit_;
    std::vector<std::int32_t> counts_;
    Candidate best_{1e300, {}};
};

// A hash of all that the choice depends on.
std::uint64_t hash_of(const BoxTable& boxes, std::span<const std::uint32_t> sample, const Known& known,
                      std::uint32_t most_bits, double scale, const TreeLimits& limits) {
    std::uint64_t hash = mix(std::bit_cast<std::uint64_t>(scale), std::bit_cast<std::uint64_t>(limits.spread));
    hash = mix(hash, most_bits);
    for (std::size_t d = 0; d < boxes.dimensions.size(); ++d)
        hash = mix(hash, std::uint64_t{known.value[d]} << 32 | known.mask[d]);
    for (const std::uint32_t box : sample) hash = mix(hash, boxes.content[box]);
    return hash;
}

}  // namespace

Range32 side_within(const BoxTable& boxes, std::uint32_t box, std::size_t dimension, const Known& known) {
    const std::size_t at = boxes.at(box, dimension);
    const Dimension& d = boxes.dimensions[dimension];
    if (d.kind == SideKind::kBits) return {boxes.first[at], boxes.last[at]};
    const std::uint32_t lowest = known.value[dimension], highest = lowest | (d.full() & ~known.mask[dimension]);
    return {std::max(boxes.first[at], lowest), std::min(boxes.last[at], highest)};
}

Window choose_window(const BoxTable& boxes, std::span<const std::uint32_t> members, const Known& known,
                     std::uint32_t most_bits, const TreeLimits& limits, std::uint64_t& work, BuildCache* cache) {
    std::vector<std::uint32_t> sample;
    double scale = 1;
    const std::size_t most = work > limits.work ? kSmallSample : kSample;
    if (members.size() > 2 * most) {
        for (std::size_t i = 0; i < most; ++i) sample.push_back(members[i * members.size() / most]);
        scale = static_cast<double>(members.size()) / static_cast<double>(most);
        members = sample;
    }
    std::uint64_t inputs_hash = 0;
    if (cache != nullptr) {
        inputs_hash = hash_of(boxes, members, known, most_bits, scale, limits);
        if (const BuildCache::Choice* choice = cache->find(inputs_hash)) {
            work += choice->work;
            return choice->window;
        }
    }
    const std::uint64_t before = work;
    Chooser chooser(boxes, members, scale, limits, work);
    for (std::uint32_t dimension = 0; dimension < boxes.dimensions.size(); ++dimension)
        chooser.try_dimension(dimension, known, most_bits);
    const double boxes_here = static_cast<double>(members.size()) * scale;
    const Window window = chooser.best().cost >= kWorthIt * boxes_here ? Window{} : chooser.best().window;
    if (cache != nullptr) cache->keep(inputs_hash, {window, work - before});
    return window;
}

}  // namespace weir::ir
