// Tested by tests/unit/runtime/record_test.cpp.
#include "runtime/engine/journal.h"

#include <sys/random.h>

#include <atomic>
#include <cerrno>

#include "runtime/bytes.h"

namespace weir::runtime {
namespace {
constexpr std::uint64_t kNone = ~std::uint64_t{0};  // the ring's positions are multiples of 8
}  // namespace

Journal::Head& Journal::head() const { return *reinterpret_cast<Head*>(memory_.bytes().data()); }

Result<Journal> Journal::create(Lifetime lifetime) {
    ByteWriter out;
    std::uint64_t ring = 0;
    while (ring == 0)
        if (getrandom(&ring, sizeof(ring), 0) != sizeof(ring)) return Error{"no random number to be had", {}, errno};
    out.put(Head{ring, 0, Entry{kNone, 0, 0, 0, {}}});
    auto memory = SharedBytes::create("weir_journal", out.bytes(), lifetime);
    if (!memory) return memory.error();
    return Journal(std::move(*memory));
}

Result<Journal> Journal::adopt(UniqueFd map) {
    auto memory = SharedBytes::adopt(std::move(map));
    if (!memory) return memory.error();
    if (memory->bytes().size() != sizeof(Head)) return Error{"the pinned journal is not as weir wrote it", {}, EBADMSG};
    return Journal(std::move(*memory));
}

void Journal::hand(std::uint64_t end_position) {
    const std::atomic_ref handed(head().handed);
    if (end_position > handed.load(std::memory_order_relaxed)) handed.store(end_position, std::memory_order_release);
}

// The position last: what stands under the one before is of an event that has been read.
void Journal::begin(const Entry& next) {
    Entry& stored = head().entry;
    stored.generation = next.generation;
    stored.alert = next.alert;
    stored.read = next.read;
    stored.before = next.before;
    std::atomic_ref(stored.position).store(next.position, std::memory_order_release);
}

std::optional<Journal::Entry> Journal::interrupted(std::uint64_t next_position) const {
    const Entry stored = head().entry;
    if (stored.position != next_position) return std::nullopt;
    return stored;
}

}  // namespace weir::runtime
