// Packets by chance: well made ones, ones with lies in them, and ones at the boundaries of a policy.
#pragma once

#include "tests/support/frames.h"
#include "tests/support/random.h"
#include "tests/support/random_policy.h"

namespace weir::tests {

Bytes random_packet(Random& random, const Hints& hints);

}  // namespace weir::tests
