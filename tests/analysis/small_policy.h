// Small policies by chance over a domain.
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
    // Where the condition of each rule begins in that text.
    std::vector<std::size_t> conditions_at(const Domain& domain) const;

private:
    std::string written(const Domain& domain, std::vector<std::size_t>& conditions_at) const;
};

SmallPolicy small_policy(Random& random, const Domain& domain);
// The packets that each rule can match, were it the only one, whatever state there is.
std::vector<Packets> matches_of(const SmallPolicy& policy, const Domain& domain);

// Takes one part away from the policy so that `still` holds for what is left. False where there is no such part.
bool shrink_small(SmallPolicy& policy, const std::function<bool(const SmallPolicy&)>& still);

}  // namespace weir::tests
