// Entries on their way from one table of a set to another.
#pragma once

#include <cstdint>
#include <vector>

#include "grammar/base/result.h"
#include "runtime/state/set_changer.h"
#include "runtime/state/state_table.h"

namespace weir::runtime {

struct SetEntries {
    std::uint32_t key_words = 0;
    std::vector<std::uint32_t> keys{};     // key_words an entry
    std::vector<std::uint64_t> ends_ns{};  // CLOCK_MONOTONIC; 0: it has no end
};

// Those that have not ended.
SetEntries entries_of(const StateTable& table);

// Adds to the table in map `fd`, which packets may be at work on, what it lacks or has with an earlier end. Returns how
// many found no room.
Result<std::uint64_t> add_missing(const SetEntries& entries, int fd, SetChanger& changer);
// The same with all that the table in map `from` has.
Result<std::uint64_t> add_missing(int from, int to, SetChanger& changer);
// Of sets of names.
Result<std::uint64_t> add_missing_names(int from, int to);

}  // namespace weir::runtime
