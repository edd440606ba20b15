// Tested by tests/unit/tooling/mutation_test.cpp with `mutants`.
#include "tooling/judge/equivalent.h"

#include "compiler/analysis/packet_sets.h"
#include "compiler/analysis/universe.h"

namespace weir::tooling {
namespace {

constexpr std::size_t kStepsOfFacts = std::size_t{1} << 22;

using analysis::Bdd;

constexpr std::size_t kMostRules = 500;  // of a policy that is looked at

class Comparison {
public:
    Comparison(const policy::TypedPolicy& policy, const policy::TypedPolicy& changed)
        : policy_(policy),
          changed_(changed),
          universe_({&policy, &changed}),
          before_(universe_, policy),
          after_(universe_, changed) {
        universe_.bdd().allow(kStepsOfFacts);
        universe_.assume_facts();
        universe_.bdd().allow(analysis::Bdd::kMaxSteps);
    }

    bool same(const Mutant& mutant) {
        for (const packet::Direction direction : packet::kDirections)
            if (!same(mutant, direction)) return false;
        return !universe_.bdd().spent();
    }

private:
    // Packets that no rule before has decided: `left`.
    bool same(const Mutant& mutant, packet::Direction direction) {
        Bdd& bdd = universe_.bdd();
        Bdd::Node left = universe_.going(direction);
        for (std::size_t i = 0; i < policy_.rules.size(); ++i) {
            const policy::Rule& rule = policy_.rules[i];
            if (rule.direction != direction) continue;
            const Bdd::Node matched = bdd.both(left, before_.matches_with_state(rule));
            if (i >= mutant.rule && !same(mutant, i, left, matched)) return false;
            if (rule.decides()) left = bdd.without(left, matched);
        }
        return mutant.kind != Mutant::Kind::kDefault || left == Bdd::kFalse;
    }
    bool same(const Mutant& mutant, std::size_t i, Bdd::Node left, Bdd::Node matched) {
        Bdd& bdd = universe_.bdd();
        const bool is_this = i == mutant.rule;
        switch (mutant.kind) {
            case Mutant::Kind::kAction: return !is_this || matched == Bdd::kFalse;
            case Mutant::Kind::kOrder:
                return !is_this || bdd.both(matched, before_.matches(changed_.rules[i])) == Bdd::kFalse;
            case Mutant::Kind::kCondition:
                return matched == bdd.both(left, after_.matches_with_state(changed_.rules[i]));
            default: return true;
        }
    }

    const policy::TypedPolicy& policy_;
    const policy::TypedPolicy& changed_;
    analysis::Universe universe_;
    analysis::PacketSets before_, after_;
};

}  // namespace

bool is_equivalent(const policy::TypedPolicy& policy, const policy::TypedPolicy& changed, const Mutant& mutant) {
    if (mutant.kind == Mutant::Kind::kState || policy.rules.size() > kMostRules) return false;
    return Comparison(policy, changed).same(mutant);
}

}  // namespace weir::tooling
