// Which rules the packets of tests met.
#pragma once

#include <string>
#include <vector>

#include "compiler/policy/typed_policy.h"
#include "tooling/judge/judged.h"

namespace weir::tooling {

class Coverage {
public:
    explicit Coverage(const policy::TypedPolicy& policy) : policy_(&policy), matched_(policy.rules.size()) {}
    void add(const Judged& judged, packet::Direction direction);
    // The share, and the rules that no packet matched.
    std::string text() const;

private:
    const policy::TypedPolicy* policy_;
    std::vector<bool> matched_;
    bool default_ = false, malformed_ = false, egress_ = false;
};

}  // namespace weir::tooling
