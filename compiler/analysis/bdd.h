// Reduced ordered binary decision diagrams: exact sets over yes/no variables, compared in one step. A Node stays valid
// as long as its Bdd, or until release() of a mark that was made before it. Bounded, since a set may need exponentially
// many nodes: once the budget is spent, every result is kFalse and means nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace weir::analysis {

class Bdd {
public:
    using Node = std::uint32_t;
    using Variable = std::uint32_t;  // smaller ones stand higher up
    static constexpr Node kFalse = 0, kTrue = 1;
    static constexpr std::size_t kMaxNodes = std::size_t{1} << 23;  // 200 MB
    static constexpr std::size_t kMaxSteps = std::size_t{3} << 22;  // about a second

    Bdd();

    // `low` where the variable is no, else `high`; both are kTrue, kFalse or of greater variables.
    Node choice(Variable variable, Node low, Node high);
    Node variable(Variable variable) { return choice(variable, kFalse, kTrue); }
    Node both(Node a, Node b) { return apply(Operation::kAnd, a, b); }
    Node either(Node a, Node b) { return apply(Operation::kOr, a, b); }
    Node without(Node a, Node b) { return apply(Operation::kWithout, a, b); }
    Node complement(Node a) { return without(kTrue, a); }

    // What of `a` counts where `care` holds, in as few nodes as that allows; elsewhere it may be anything.
    Node restrict(Node a, Node care);
    // The values of the variables `kept`, ascending, for which `a` holds with some values of the others.
    Node project(Node a, const std::vector<Variable>& kept);
    // Where the paths of `a` through the variables before `end` lead to `exit`, which is not kFalse.
    Node leading_to(Node a, Node exit, Variable end);
    // All variables that it depends on, ascending.
    std::vector<Variable> support(Node a) const;

    // How many nodes it has, of which no more than `most` are counted.
    std::size_t size(Node a, std::size_t most) const;

    // Of a node that is neither kTrue nor kFalse.
    Variable variable_of(Node a) const { return nodes_[a].variable; }
    Node low(Node a) const { return nodes_[a].low; }
    Node high(Node a) const { return nodes_[a].high; }
    template <typename Point>
    Node branch(Node a, const Point& point) const {
        return point[nodes_[a].variable] ? nodes_[a].high : nodes_[a].low;
    }

    bool spent() const { return steps_ >= limit_ || nodes_.size() >= max_nodes_; }
    std::size_t steps() const { return steps_; }
    // From here on so many steps; kMaxSteps at first. What was spent before still means nothing.
    void allow(std::size_t steps) { limit_ = steps_ + steps; }
    // And so many nodes in all.
    void allow(std::size_t steps, std::size_t nodes) {
        allow(steps);
        max_nodes_ = nodes;
    }

    // What is made from here on is forgotten by release(), and its memory used again. Until then new nodes are found in
    // a table of their own: it is small, and so stays in the processor's caches.
    std::size_t mark();
    void release(std::size_t mark);
    // Forgets all that was made from the mark on but `node`, and returns what that is from now on.
    Node release_but(std::size_t mark, Node node);

    // Is the point in the set? `point[variable]` is its value.
    template <typename Point>
    bool contains(Node node, const Point& point) const {
        while (node > kTrue) node = point[nodes_[node].variable] ? nodes_[node].high : nodes_[node].low;
        return node == kTrue;
    }
    // Sets variables of the point so that it is in the set, which is not empty, whatever its others are. Where either
    // value will do the variable keeps its own.
    template <typename Point>
    void enter(Node node, Point& point) const {
        while (node > kTrue) {
            const Entry& entry = nodes_[node];
            const bool value = entry.low == kFalse || (entry.high != kFalse && point[entry.variable]);
            point.set(entry.variable, value);
            node = value ? entry.high : entry.low;
        }
    }

    // The same by variables of the point that are not set (Point::prefer). False where those that are set keep it out
    // of the set, or where that is not known after a while; then it stays as it is.
    template <typename Point>
    bool enter_by_open(Node node, Point& point) const {
        std::size_t left = 4096;  // nodes that are looked at
        return enter_by_open(node, point, left);
    }

private:
    enum class Operation : std::uint8_t { kAnd, kOr, kWithout };
    struct Entry {
        Variable variable;
        Node low;
        Node high;
        Node next;  // with the same hash; 0: the last
    };
    struct Cached {
        Operation operation = Operation::kAnd;
        Node a = 0;
        Node b = 0;  // 0: empty, since apply() never looks that up
        Node result = 0;
        std::uint32_t round = 0;  // how often nodes had been released
    };

    using Known = std::unordered_map<std::uint64_t, Node>;  // results of one call

    template <typename Point>
    bool enter_by_open(Node node, Point& point, std::size_t& left) const {
        if (node <= kTrue) return node == kTrue;
        if (left == 0) return false;
        --left;
        const Entry& entry = nodes_[node];
        const bool value = point[entry.variable];
        if (enter_by_open(value ? entry.high : entry.low, point, left)) return true;
        if (point.is_set(entry.variable) || !enter_by_open(value ? entry.low : entry.high, point, left)) return false;
        point.prefer(entry.variable, !value);
        return true;
    }
    // Calls `visit` with each node of `a` until it returns false.
    template <typename Visit>
    void each_node(Node a, Visit visit) const;
    Node apply(Operation operation, Node a, Node b);
    Node restricted(Node a, Node care, Known& known);
    Node projected(Node a, const std::vector<Variable>& kept, Known& known);
    Node led(Node a, Node exit, Variable end, Known& known);
    // By hash the last node that was made; a power of two of them.
    using Buckets = std::vector<Node>;
    static Node& bucket(Buckets& buckets, const Entry& entry);
    Node known(Buckets& buckets, const Entry& entry) const;
    void grow(Buckets& buckets, std::size_t begin);

    std::vector<Entry> nodes_;
    Buckets old_, young_;                  // of nodes before the first mark, and of those from it on
    std::size_t young_begin_ = kMaxNodes;  // the first mark; there is none
    std::vector<Cached> cache_;
    std::size_t steps_ = 0;
    std::size_t limit_ = kMaxSteps;
    std::uint32_t round_ = 0;
    std::size_t max_nodes_ = kMaxNodes;
};

}  // namespace weir::analysis
