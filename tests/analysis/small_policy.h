// Small policies by chance over a domain, and what is true of their rules by enumeration.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tests/analysis/domains.h"
#include "tests/support/random.h"

namespace weir::tests {

struct SmallCondition {
    enum class Kind : std::uint8_t { kAtom, kAnd, kOr, kNot } kind = Kind::kAtom;
    std::size_t atom = 0;  // of the domain
    std::vector<SmallCondition> operands{};
    std::string text(const Domain& domain) const;
    Packets packets(const Domain& domain) const;
};

struct SmallRule {
    SmallCondition condition;
    std::optional<std::size_t> key{};  // of the domain: the rule counts by it, with a state term
    bool observe = false, egress = false, alerts = false;
    std::string verdict{};  // empty: none
    bool decides() const { return !verdict.empty() && !observe; }
    bool only_decides() const { return decides() && !key && !alerts; }
};

struct SmallPolicy {
    std::vector<SmallRule> rules{};
    std::string text(const Domain& domain) const;
};

SmallPolicy small_policy(Random& random, const Domain& domain);

// What is true of each rule, whatever state there is.
struct Truth {
    std::vector<Packets> matches{};  // packets that it can match, were it the only one
    std::vector<bool> never{};       // none
    std::vector<bool> decided{};     // earlier rules decide all of them
    std::vector<bool> shadowed{};    // so, and there are some
    // Without it, and those before it that are redundant, later rules give each of its packets the same verdict.
    std::vector<bool> redundant{};
    // A later rule that is itself shadowed matches packets of it: which of the two is to blame is a matter of choice.
    std::vector<bool> either{};
};
Truth truth_of(const SmallPolicy& policy, const Domain& domain);

// With those rules gone: is each packet of the rule given its verdict by another rule, and by nothing that does more?
bool may_go(const SmallPolicy& policy, const Truth& truth, const std::vector<bool>& gone, std::size_t rule);

// What is wrong with these as the rules that decide all packets of a rule; empty where they are as few as can be.
std::string wrong_blockers(const SmallPolicy& policy, const Truth& truth, std::size_t rule,
                           const std::vector<std::size_t>& blockers);

// Takes one part away from the policy so that `still` holds for what is left. False where there is no such part.
bool shrink_small(SmallPolicy& policy, const std::function<bool(const SmallPolicy&)>& still);

}  // namespace weir::tests
