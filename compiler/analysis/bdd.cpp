// Tested by tests/unit/analysis/bdd_test.cpp.
#include "compiler/analysis/bdd.h"

#include <algorithm>
#include <limits>
#include <unordered_set>
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

Bdd::Node Bdd::restrict(Node a, Node care) {
    Known known;
    return care == kFalse ? kFalse : restricted(a, care, known);
}

// Coudert and Madre (1990): where one branch does not count, the other one stands for both.
Bdd::Node Bdd::restricted(Node a, Node care, Known& known) {
    if (a == kFalse || a == kTrue || care == kTrue) return a;
    if (a == care) return kTrue;
    const std::uint64_t key = std::uint64_t{a} << 32 | care;
    if (const auto found = known.find(key); found != known.end()) return found->second;
    ++steps_;
    if (spent()) return kFalse;
    const Entry left = nodes_[a], right = nodes_[care];
    Node result = kFalse;
    if (right.variable < left.variable) {
        result = restricted(a, either(right.low, right.high), known);
    } else if (left.variable < right.variable) {
        const Node low = restricted(left.low, care, known), high = restricted(left.high, care, known);
        result = choice(left.variable, low, high);
    } else if (right.low == kFalse) {
        result = restricted(left.high, right.high, known);
    } else if (right.high == kFalse) {
        result = restricted(left.low, right.low, known);
    } else {
        const Node low = restricted(left.low, right.low, known), high = restricted(left.high, right.high, known);
        result = choice(left.variable, low, high);
    }
    known.emplace(key, result);
    return result;
}

Bdd::Node Bdd::project(Node a, const std::vector<Variable>& kept) {
    Known known;
    return projected(a, kept, known);
}

Bdd::Node Bdd::projected(Node a, const std::vector<Variable>& kept, Known& known) {
    if (a == kFalse) return kFalse;
    if (kept.empty() || nodes_[a].variable > kept.back()) return kTrue;
    if (const auto found = known.find(a); found != known.end()) return found->second;
    ++steps_;
    if (spent()) return kFalse;
    const Entry entry = nodes_[a];
    const Node low = projected(entry.low, kept, known), high = projected(entry.high, kept, known);
    const bool is_kept = std::binary_search(kept.begin(), kept.end(), entry.variable);
    const Node result = is_kept ? choice(entry.variable, low, high) : either(low, high);
    known.emplace(a, result);
    return result;
}

Bdd::Node Bdd::leading_to(Node a, Node exit, Variable end) {
    Known known;
    return led(a, exit, end, known);
}

Bdd::Node Bdd::led(Node a, Node exit, Variable end, Known& known) {
    if (a == exit) return kTrue;
    if (nodes_[a].variable >= end) return kFalse;
    if (const auto found = known.find(a); found != known.end()) return found->second;
    const Entry entry = nodes_[a];
    const Node low = led(entry.low, exit, end, known), high = led(entry.high, exit, end, known);
    const Node result = choice(entry.variable, low, high);
    known.emplace(a, result);
    return result;
}

std::vector<Bdd::Variable> Bdd::support(Node a) const {
    std::vector<Variable> variables;
    std::unordered_set<Node> seen{kFalse, kTrue};
    std::vector<Node> open{a};
    while (!open.empty()) {
        const Node node = open.back();
        open.pop_back();
        if (!seen.insert(node).second) continue;
        variables.push_back(nodes_[node].variable);
        open.push_back(nodes_[node].low);
        open.push_back(nodes_[node].high);
    }
    std::sort(variables.begin(), variables.end());
    variables.erase(std::unique(variables.begin(), variables.end()), variables.end());
    return variables;
}

}  // namespace weir::analysis
