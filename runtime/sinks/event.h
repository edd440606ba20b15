// One event, as the kernel sent it and as people read it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bpf/abi.h"

namespace weir::runtime {

struct Event {
    weir_event record{};              // numbers refer to the manifest of record.generation
    std::uint64_t wall_clock_ns = 0;  // since 1970, of record.time_ns
    std::string policy;
    std::string rule;
    std::string alert;
    std::string severity;  // "low", "medium", "high", "critical"
    std::string message;   // holes filled; control bytes escaped
    std::string interface;
    std::string verdict;        // "drop"; "would drop" of an observed rule; empty where the rule has none
    std::string redirected_to;  // the interface, where the verdict is `redirect`, or would be
};

}  // namespace weir::runtime
