// The parts of the linter that look at one kind of mistake each (lint.h).
#pragma once

#include <vector>

#include "compiler/analysis/reach.h"
#include "compiler/policy/typed_policy.h"
#include "grammar/diagnostic.h"

namespace weir::analysis {

// What the linter has found out.
struct Reached {
    const policy::TypedPolicy& policy;
    Reach& reach;
    const RuleMarks& takers;  // rules that decide whatever they match
};

// W404: `not tcp.dport == 22`, where packets without the field come by.
void warn_negations(const Reached& reached, Diagnostics& diagnostics);
// W407: IPv4 packets pass and ARP does not, or IPv6 packets pass and neighbour discovery does not.
void warn_neighbours(const Reached& reached, packet::Direction direction, Diagnostics& diagnostics);
// W408: `rate(…) > N then pass`.
void warn_over_limit(const policy::TypedPolicy& policy, Diagnostics& diagnostics);
// W410: `a != x or a != y`.
void warn_always_true(const policy::TypedPolicy& policy, Diagnostics& diagnostics);
// W411: a message shows a field that the packets of its rules do not have.
void warn_messages(const Reached& reached, Diagnostics& diagnostics);

}  // namespace weir::analysis
