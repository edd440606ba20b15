// How much a map of state holds now: keys of a term, entries of a set that have not ended.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "compiler/object.h"
#include "grammar/base/result.h"

namespace weir::runtime {

struct CountedMap {
    bpf::StateKind kind{};
    int fd = -1;
};

// How many bytes count_held() reads of it: nothing where the head of its table says how much it holds.
Result<std::size_t> bytes_to_count(const CountedMap& map);
// Reads the table in pieces, and leaves out what follows once `stop` is true.
Result<std::uint64_t> count_held(const CountedMap& map, const std::atomic<bool>& stop);
Result<std::uint64_t> count_held(const CountedMap& map);

// Entries of a set, those that have ended too: known at once.
Result<std::uint64_t> count_with_expired(int set);

// Takes the entries out of a set whose time is over.
Status remove_expired(int set);

}  // namespace weir::runtime
