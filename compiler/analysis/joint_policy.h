// Two policies as one, so that the same condition is the same set of packets in both.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "compiler/policy/typed_policy.h"

namespace weir::analysis {

// A rule as far as it decides what happens to a packet: which it matches, what it says of them and what it alerts.
struct JointRule {
    std::uint32_t number = 0;  // in its own policy
    policy::ExprId condition = policy::kNoExpr;
    std::vector<std::string> terms;   // names of yes-or-no variables; a term with another limit has another one
    std::vector<std::string> alerts;  // "scan", "scan sample 1/10"; sorted
    std::string key;                  // rules with the same key do the same
};

struct JointPolicy {
    policy::TypedPolicy policy;  // conditions and sets of both; the rules have a condition and a direction alone
    std::vector<JointRule> before, after;
    // Sets that do not change while a policy runs, and that both have with other entries.
    std::vector<std::string> differing_sets;
};

JointPolicy join(const policy::TypedPolicy& before, const policy::TypedPolicy& after);

}  // namespace weir::analysis
