// Packets by chance: well made ones, ones with lies in them, and ones at the boundaries of a policy.
#pragma once

#include "tests/support/frames.h"
#include "tests/support/random.h"
#include "tests/support/random_policy.h"

namespace weir::tests {

Bytes random_packet(Random& random, const Hints& hints);
// Packets in their order: some are the segments of one hello.
std::vector<Bytes> random_packets(Random& random, const Hints& hints, std::size_t count);

}  // namespace weir::tests
