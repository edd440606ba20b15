// Policies by chance, as text, so that the parser and the checker are exercised, too; and smaller ones like them.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/support/engines.h"
#include "tests/support/frames.h"
#include "tests/support/random.h"

namespace weir::tests {

// A condition as a tree, so that parts of it can be taken away.
struct Condition {
    enum class Kind { kLeaf, kAnd, kOr, kNot };
    Kind kind = Kind::kLeaf;
    std::string text{};  // of a leaf
    std::vector<Condition> operands{};
    std::string to_text() const;
};

struct RandomRule {
    Condition condition;
    bool observe = false;
    bool egress = false;
    std::vector<std::string> alerts{};
    std::string verdict{};  // empty: none
};

// Values that the policy compares with, by field: packets are made of them.
struct Hints {
    std::map<std::string, std::vector<std::uint64_t>> numbers{};
    std::vector<Bytes> addresses4{}, addresses6{}, macs{}, payloads{};
    std::vector<std::string> names{};                         // of fields that are names
    std::map<std::string, std::vector<std::string>> texts{};  // by field that is a text
};

struct RandomPolicy {
    std::vector<std::string> items{};  // lets, sets, alerts
    FileTexts files{};
    std::string default_verdict{}, malformed_verdict{}, egress_verdict{};  // empty: not written
    std::vector<RandomRule> rules{};
    Hints hints{};
    std::string to_text() const;
};

RandomPolicy random_policy(Random& random);
// One of four judges both directions.
RandomPolicy some_both_ways(RandomPolicy policy, Random& random);

// Takes one part away from the policy, the largest parts first, so that `still` holds for what is left. False where
// there is no such part.
bool shrink(RandomPolicy& policy, const std::function<bool(const RandomPolicy&)>& still);

}  // namespace weir::tests
