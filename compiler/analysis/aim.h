// Packets aimed at one place of a policy: for which a condition is as wanted, and turns with one of its comparisons.
#pragma once

#include <span>
#include <vector>

#include "compiler/analysis/points.h"
#include "compiler/policy/typed_policy.h"

namespace weir::analysis {

// The comparisons of a condition, each once, in the order written.
std::vector<policy::ExprId> comparisons_of(const policy::TypedPolicy& policy, policy::ExprId condition);

// Makes packets as far as one can: of two comparisons that contradict each other the later one counts. Who needs to
// know asks the oracle.
class Aim {
public:
    Aim(const policy::TypedPolicy& policy, Seeded& random) : policy_(policy), random_(random) {}
    // The condition holds, or fails.
    void make(Probe& probe, policy::ExprId condition, packet::Polarity polarity);
    // All beside `comparison` is such that the condition is what the comparison is, or its opposite.
    void hinge_on(Probe& probe, policy::ExprId condition, policy::ExprId comparison);

private:
    bool contains(policy::ExprId condition, policy::ExprId comparison) const;
    void make_comparison(Probe& probe, policy::ExprId comparison, packet::Polarity polarity);

    const policy::TypedPolicy& policy_;
    Seeded& random_;
};

}  // namespace weir::analysis
