// Reduced ordered binary decision diagrams: exact sets over yes/no variables, compared in one step. Nodes are only ever
// added, so a Node stays valid as long as its Bdd. Bounded, since a set may need exponentially many nodes: once the
// budget is spent, every result is kFalse and means nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace weir::analysis {

class Bdd {
public:
    using Node = std::uint32_t;
    using Variable = std::uint32_t;  // smaller ones stand higher up
    static constexpr Node kFalse = 0, kTrue = 1;
    static constexpr std::size_t kMaxNodes = std::size_t{1} << 22;  // 100 MB
    static constexpr std::size_t kMaxSteps = std::size_t{3} << 22;  // about a second

    Bdd();

    // `low` where the variable is no, else `high`; both are kTrue, kFalse or of greater variables.
    Node choice(Variable variable, Node low, Node high);
    Node variable(Variable variable) { return choice(variable, kFalse, kTrue); }
    Node both(Node a, Node b) { return apply(Operation::kAnd, a, b); }
    Node either(Node a, Node b) { return apply(Operation::kOr, a, b); }
    Node without(Node a, Node b) { return apply(Operation::kWithout, a, b); }
    Node complement(Node a) { return without(kTrue, a); }

    bool spent() const { return steps_ >= kMaxSteps || nodes_.size() >= kMaxNodes; }

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
    };

    Node apply(Operation operation, Node a, Node b);
    void grow();

    std::vector<Entry> nodes_;
    std::vector<Node> buckets_;
    std::vector<Cached> cache_;
    std::size_t steps_ = 0;
};

}  // namespace weir::analysis
