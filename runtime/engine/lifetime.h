// How long a policy stays in force.
#pragma once

#include <cstdint>

namespace weir::runtime {

// kPinned: also where this process is killed; the next engine of its name goes on with it, its counts too.
enum class Lifetime : std::uint8_t { kProcess, kPinned };

}  // namespace weir::runtime
