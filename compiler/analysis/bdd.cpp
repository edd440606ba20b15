// Tested by tests/unit/analysis/bdd_test.cpp.
#include "compiler/analysis/bdd.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace weir::analysis {
namespace {

constexpr std::size_t kFirstBuckets = 1 << 12;  // powers of two
constexpr std::size_t kFirstCacheEntries = 1 << 13, kMaxCacheEntries = 1 << 19;

std::size_t hash(std::uint32_t a, std::uint32_t b, std::uint32_t c) {
    std::uint64_t h = (std::uint64_t{a} << 32 | b) * 0x9e3779b97f4a7c15u;
    h = (h ^ (h >> 29) ^ c) * 0xbf58476d1ce4e5b9u;
    return static_cast<std::size_t>(h ^ (h >> 32));
}

}  // namespace

Bdd::Bdd() : buckets_(kFirstBuckets, 0), cache_(kFirstCacheEntries) {
    constexpr Variable kNone = std::numeric_limits<Variable>::max();  // the two ends stand below all variables
    nodes_.push_back({kNone, kFalse, kFalse, 0});
    nodes_.push_back({kNone, kTrue, kTrue, 0});
}

void Bdd::grow() {
    std::vector<Node> wider(buckets_.size() * 2, 0);
    for (Node id = 2; id < nodes_.size(); ++id) {
        Entry& entry = nodes_[id];
        Node& bucket = wider[hash(entry.variable, entry.low, entry.high) & (wider.size() - 1)];
        entry.next = bucket;
        bucket = id;
    }
    buckets_ = std::move(wider);
    if (cache_.size() < kMaxCacheEntries && cache_.size() < buckets_.size())
        cache_.assign(cache_.size() * 2, {});  // what it knew is soon known again
}

// Of each bucket the last node is the first: they go in the order opposite to that in which they came.
void Bdd::release(std::size_t mark) {
    if (mark == nodes_.size()) return;
    for (std::size_t id = nodes_.size(); id-- > mark;) {
        const Entry& entry = nodes_[id];
        buckets_[hash(entry.variable, entry.low, entry.high) & (buckets_.size() - 1)] = entry.next;
    }
    nodes_.resize(mark);
    ++round_;
}

Bdd::Node Bdd::choice(Variable variable, Node low, Node high) {
    if (low == high) return low;
    ++steps_;
    if (spent()) return kFalse;
    const std::size_t at = hash(variable, low, high);
    for (Node id = buckets_[at & (buckets_.size() - 1)]; id != 0; id = nodes_[id].next) {
        const Entry& known = nodes_[id];
        if (known.variable == variable && known.low == low && known.high == high) return id;
    }
    if (nodes_.size() >= buckets_.size()) grow();
    Node& bucket = buckets_[at & (buckets_.size() - 1)];
    const Node id = static_cast<Node>(nodes_.size());
    nodes_.push_back({variable, low, high, bucket});
    bucket = id;
    return id;
}

Bdd::Node Bdd::apply(Operation operation, Node a, Node b) {
    switch (operation) {
        case Operation::kAnd:
            if (a == kFalse || b == kFalse) return kFalse;
            if (a == kTrue || a == b) return b;
            if (b == kTrue) return a;
            if (b < a) std::swap(a, b);
            break;
        case Operation::kOr:
            if (a == kTrue || b == kTrue) return kTrue;
            if (a == kFalse || a == b) return b;
            if (b == kFalse) return a;
            if (b < a) std::swap(a, b);
            break;
        case Operation::kWithout:
            if (a == kFalse || b == kTrue || a == b) return kFalse;
            if (b == kFalse) return a;
            break;
    }
    const std::size_t at = hash(a, b, static_cast<std::uint32_t>(operation));
    const Cached& known = cache_[at & (cache_.size() - 1)];
    if (known.operation == operation && known.a == a && known.b == b && known.round == round_) return known.result;
    ++steps_;
    if (spent()) return kFalse;
    const Entry left = nodes_[a], right = nodes_[b];
    const Variable top = std::min(left.variable, right.variable);
    const auto side = [top](const Entry& entry, Node whole, Node part) { return entry.variable == top ? part : whole; };
    const Node low = apply(operation, side(left, a, left.low), side(right, b, right.low));
    const Node high = apply(operation, side(left, a, left.high), side(right, b, right.high));
    const Node result = choice(top, low, high);
    if (!spent()) cache_[at & (cache_.size() - 1)] = {operation, a, b, result, round_};
    return result;
}

}  // namespace weir::analysis
