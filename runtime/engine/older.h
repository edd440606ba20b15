// What an engine of weir 0.1 (ABI 5) left in its pins, as far as a later one goes on with it: what it has counted, by
// name, and what is in sets that change. Its layouts stand in older.cpp: those of today may differ.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "grammar/base/result.h"
#include "runtime/engine/accounts.h"
#include "runtime/engine/pins.h"
#include "runtime/state/set_entries.h"

namespace weir::runtime {

inline constexpr std::uint32_t kAbiOf01 = 5;

struct OlderSet {
    std::string identity;  // compiler/policy/identity.h: the same since 0.1
    SetEntries entries{};  // that have not ended
};

struct OlderEngine {
    std::string policy;  // in force
    std::uint32_t generation = 0;
    std::uint32_t newest = 0;  // number of a generation
    std::uint64_t auto_rollbacks = 0;
    Accounts accounts{};           // final once no packet is in its programs
    std::uint64_t lost = 0;        // events that wait in its ring, which only it can read: in `accounts`, too
    std::vector<OlderSet> sets{};  // of the policy in force
};

// An error where what is pinned is not as 0.1 wrote it. Packets may be at work in it.
Result<OlderEngine> read_older(const Pins& pins);

// The kernel's number of the root program that is pinned there; 0: there is none.
std::uint32_t pinned_root(const Pins& pins);

}  // namespace weir::runtime
