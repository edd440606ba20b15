// What `weir check` says of parts of conditions (W414) and of entries of lists (W413), held against what is true of
// them.
#pragma once

#include "tests/analysis/claims.h"

namespace weir::tests {

// "W414 false alarm": the condition holds for other packets without that part. "W414 together": without all the parts
// that are said. "W414 missed": without those it still has one that changes nothing, and reads what the rest reads.
Faults part_faults(const SmallPolicy& policy, const Said& said, const Domain& domain, TrueClaims& true_claims);

// A list by chance, of numbers, addresses, MACs, names or texts, with entries that cover others, and its faults: "W413
// false alarm", "W413 missed". `text` gets the policy that it stands in.
Faults list_faults(Random& random, std::string& text, TrueClaims& true_claims);

}  // namespace weir::tests
