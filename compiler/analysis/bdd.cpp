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
constexpr std::size_t kYoungCacheEntries = 1 << 15;  // that are used behind a mark

std::size_t hash(std::uint32_t a, std::uint32_t b, std::uint32_t c) {
    std::uint64_t h = (std::uint64_t{a} << 32 | b) * 0x9e3779b97f4a7c15u;
    h = (h ^ (h >> 29) ^ c) * 0xbf58476d1ce4e5b9u;
    return static_cast<std::size_t>(h ^ (h >> 32));
}

}  // namespace

Bdd::Bdd() : old_(kFirstBuckets, 0), young_(kFirstBuckets, 0), cache_(kFirstCacheEntries) {
    constexpr Variable kNone = std::numeric_limits<Variable>::max();  // the two ends stand below all variables
    nodes_.push_back({kNone, kFalse, kFalse, 0});
    nodes_.push_back({kNone, kTrue, kTrue, 0});
}

Bdd::Node& Bdd::bucket(Buckets& buckets, const Entry& entry) {
    return buckets[hash(entry.variable, entry.low, entry.high) & (buckets.size() - 1)];
}

// Of nodes from `begin` on.
void Bdd::grow(Buckets& buckets, std::size_t begin) {
    buckets.assign(buckets.size() * 2, 0);
    for (std::size_t id = begin; id < nodes_.size(); ++id) {
        Node& first = bucket(buckets, nodes_[id]);
        nodes_[id].next = std::exchange(first, static_cast<Node>(id));
    }
    if (cache_.size() < kMaxCacheEntries && cache_.size() < buckets.size())
        cache_.assign(cache_.size() * 2, {});  // what it knew is soon known again
}

std::size_t Bdd::mark() {
    young_begin_ = std::min(young_begin_, nodes_.size());
    return nodes_.size();
}

// Of each bucket the last node is the first: they go in the order opposite to that in which they came.
void Bdd::release(std::size_t mark) {
    if (mark < nodes_.size()) ++round_;
    for (std::size_t id = nodes_.size(); id-- > mark;)
        bucket(id >= young_begin_ ? young_ : old_, nodes_[id]) = nodes_[id].next;
    nodes_.resize(mark);
    if (mark <= young_begin_) young_begin_ = kMaxNodes;
}

// Branches were made before the nodes that they are of.
Bdd::Node Bdd::release_but(std::size_t mark, Node node) {
    if (node < mark) {
        release(mark);
        return node;
    }
    const std::size_t count = node + 1 - mark;
    std::vector<bool> is_kept(count, false);
    const auto keep = [&](Node branch) {
        if (branch >= mark) is_kept[branch - mark] = true;
    };
    keep(node);
    for (std::size_t i = count; i-- > 0;)
        if (is_kept[i]) keep(nodes_[mark + i].low), keep(nodes_[mark + i].high);
    const std::vector<Entry> entries(nodes_.begin() + static_cast<std::ptrdiff_t>(mark),
                                     nodes_.begin() + static_cast<std::ptrdiff_t>(mark + count));
    release(mark);
    std::vector<Node> moved(count, kFalse);
    const auto now = [&](Node branch) { return branch < mark ? branch : moved[branch - mark]; };
    for (std::size_t i = 0; i < count; ++i)
        if (is_kept[i]) moved[i] = choice(entries[i].variable, now(entries[i].low), now(entries[i].high));
    return moved.back();
}

// 0 where there is none.
Bdd::Node Bdd::known(Buckets& buckets, const Entry& entry) const {
    Node id = bucket(buckets, entry);
    while (id != 0 &&
           (nodes_[id].variable != entry.variable || nodes_[id].low != entry.low || nodes_[id].high != entry.high))
        id = nodes_[id].next;
    return id;
}

Bdd::Node Bdd::choice(Variable variable, Node low, Node high) {
    if (low == high) return low;
    ++steps_;
    if (spent()) return kFalse;
    const Entry entry{variable, low, high, 0};
    // An old node has old branches.
    if (low < young_begin_ && high < young_begin_)
        if (const Node id = known(old_, entry); id != 0) return id;
    const bool is_young = young_begin_ <= nodes_.size();
    Buckets& buckets = is_young ? young_ : old_;
    if (is_young)
        if (const Node id = known(young_, entry); id != 0) return id;
    const std::size_t begin = is_young ? young_begin_ : 2;
    if (nodes_.size() - begin >= buckets.size()) grow(buckets, begin);
    Node& first = bucket(buckets, entry);
    const Node id = static_cast<Node>(nodes_.size());
    nodes_.push_back({variable, low, high, first});
    first = id;
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
    const std::size_t mask =
        std::min(cache_.size(), young_begin_ < kMaxNodes ? kYoungCacheEntries : kMaxCacheEntries) - 1;
    const Cached& known = cache_[at & mask];
    if (known.operation == operation && known.a == a && known.b == b && known.round == round_) return known.result;
    ++steps_;
    if (spent()) return kFalse;
    const Entry left = nodes_[a], right = nodes_[b];
    const Variable top = std::min(left.variable, right.variable);
    const auto side = [top](const Entry& entry, Node whole, Node part) { return entry.variable == top ? part : whole; };
    const Node low = apply(operation, side(left, a, left.low), side(right, b, right.low));
    const Node high = apply(operation, side(left, a, left.high), side(right, b, right.high));
    const Node result = choice(top, low, high);
    if (!spent()) cache_[at & mask] = {operation, a, b, result, round_};
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

template <typename Visit>
void Bdd::each_node(Node a, Visit visit) const {
    std::unordered_set<Node> seen{kFalse, kTrue};
    std::vector<Node> open{a};
    while (!open.empty()) {
        const Node node = open.back();
        open.pop_back();
        if (!seen.insert(node).second) continue;
        if (!visit(nodes_[node])) return;
        open.push_back(nodes_[node].low);
        open.push_back(nodes_[node].high);
    }
}

std::size_t Bdd::size(Node a, std::size_t most) const {
    std::size_t size = 0;
    if (most > 0) each_node(a, [&](const Entry&) { return ++size < most; });
    return size;
}

std::vector<Bdd::Variable> Bdd::support(Node a) const {
    std::vector<bool> is_tested;
    each_node(a, [&](const Entry& entry) {
        if (is_tested.size() <= entry.variable) is_tested.resize(entry.variable + 1, false);
        is_tested[entry.variable] = true;
        return true;
    });
    std::vector<Variable> variables;
    for (Variable variable = 0; variable < is_tested.size(); ++variable)
        if (is_tested[variable]) variables.push_back(variable);
    return variables;
}

}  // namespace weir::analysis
