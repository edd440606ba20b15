// What of a policy the packets of its tests met: rules, conditions and state terms each way, sets, alerts.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "compiler/oracle/evaluate.h"
#include "compiler/policy/typed_policy.h"
#include "tooling/judge/excerpt.h"
#include "tooling/judge/judged.h"

namespace weir::tooling {

// A condition is one comparison as a rule uses it. It is seen where it is reached: an `and` ends at its first operand
// that is false, an `or` at its first that is true. The policy outlives this.
class Coverage {
public:
    // Ways that were met, of those there are.
    struct Share {
        std::size_t met = 0, all = 0;
    };
    explicit Coverage(const policy::TypedPolicy& policy);

    // Of each packet; and of each rule that the oracle tried on it.
    void add(const Judged& judged, packet::Direction direction);
    void see(const oracle::Oracle& oracle, const oracle::Tried& tried);

    Share rules() const;
    Share conditions() const;  // true, and false
    Share terms() const;       // likewise
    Share sets() const;        // that rules read: hit, and missed
    Share alerts() const;
    Share verdicts() const;  // default, malformed, default egress
    double percent() const;  // of all of them together; 100 where there are none

    // Rules that no packet matched, by number.
    std::vector<std::size_t> unmatched() const;
    // Those that were not met, in the order of the text.
    std::vector<Finding> findings() const;
    std::string text() const;
    // One object and a newline.
    std::string json(const std::string& file) const;

private:
    struct Ways {
        bool yes = false, no = false;
        void meet(bool value) { (value ? yes : no) = true; }
    };
    struct Condition {
        policy::RuleId rule{};
        policy::ExprId expr{};
        Ways ways{};
    };
    void collect(policy::RuleId rule, policy::ExprId id);
    bool walk(const oracle::Oracle& oracle, const oracle::Tried& tried, policy::ExprId id);

    const policy::TypedPolicy* policy_;
    std::vector<bool> matched_;
    std::vector<Condition> conditions_{};
    std::map<std::pair<policy::RuleId, policy::ExprId>, std::size_t> condition_of_{};
    std::vector<std::vector<Ways>> terms_;      // by rule, term
    std::map<policy::SetId, Ways> sets_{};      // those with a name that rules read
    std::map<policy::AlertId, bool> alerts_{};  // those that rules raise
    bool default_ = false, malformed_ = false, egress_ = false;
};

}  // namespace weir::tooling
