// The event that is being delivered, in memory that outlives this process: where an engine is killed while its sinks
// get an event, its successor finds out which, and that event counts once although it is delivered once more.
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
    // Before any sink gets the event. It stands until the next one.
    void begin(const Entry& entry);
    // Of a delivery that was cut short: the ring's next event is still the one of the entry.
    std::optional<Entry> interrupted(std::uint64_t next_position) const;

private:
    explicit Journal(SharedBytes memory) : memory_(std::move(memory)) {}
    Entry& entry() const;
    SharedBytes memory_;
};

}  // namespace weir::runtime
