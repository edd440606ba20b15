// How far an engine has come with the events of its ring, in memory that outlives this process. The ring gives back
// what has not been let go of; where an engine is killed meanwhile, its successor finds here which of it sinks may have
// got already, and undoes a count that the ring does not know of: each event counts once, although some are delivered
// twice.
#pragma once

#include <cstdint>
#include <optional>

#include "grammar/base/result.h"
#include "runtime/engine/record.h"
#include "runtime/engine/shared_bytes.h"

namespace weir::runtime {

class Journal {
public:
    struct Entry {
        std::uint64_t position;  // of the event in the ring
        std::uint32_t generation;
        std::uint32_t alert;
        std::uint64_t read;    // of the generation's record, before the event
        Record::Taken before;  // of the alert
    };

    static Result<Journal> create(Lifetime lifetime);
    static Result<Journal> adopt(UniqueFd map);

    int fd() const { return memory_.fd(); }
    // Names the ring: no two have the same.
    std::uint64_t ring() const { return head().ring; }
    // Events before this position may have been handed to sinks.
    std::uint64_t handed() const { return head().handed; }
    // Before they are. Never goes back.
    void hand(std::uint64_t end_position);
    // Before an event is counted and the ring lets go of it. It stands until the next one.
    void begin(const Entry& entry);
    // Of a count that was cut short: the ring's next event is still the one of the entry.
    std::optional<Entry> interrupted(std::uint64_t next_position) const;

private:
    struct Head {
        std::uint64_t ring;
        std::uint64_t handed;
        Entry entry;
    };
    explicit Journal(SharedBytes memory) : memory_(std::move(memory)) {}
    Head& head() const;
    SharedBytes memory_;
};

}  // namespace weir::runtime
