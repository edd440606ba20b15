// What an engine of weir 0.1 left when it was killed, made once more from tests/kernel/abi5.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/handles.h"

namespace weir::test {

inline constexpr const char* kOlderName = "old";
// What it had counted.
inline constexpr std::uint64_t kOlderMarked = 7, kOlderCounted = 3, kOlderWaiting = 4, kOlderDefault = 6;

// Loads its programs, attaches them to b0, and pins all of it: for as long as nobody else has pins of that name.
void leave_older_engine();
// The policy that it had in force, with that text.
std::string older_policy();

}  // namespace weir::test
