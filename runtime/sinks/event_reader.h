// The ring that programs put events into, and who reads it. One an engine: it outlives every policy.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "bpf/abi.h"
#include "bpf/record.h"
#include "grammar/base/result.h"
#include "runtime/handles.h"

namespace weir::runtime {

class EventReader {
public:
    // `position`: of the event in the ring. It rises as long as the ring is there, and names the event to whoever reads
    // the ring next, until that event has been taken.
    // `capture`: of an event with WEIR_EVENT_CAPTURED, else null.
    using Take =
        std::function<void(const weir_event_inside& event, const weir_capture* capture, std::uint64_t position)>;

    // `ring_bytes`: a power of two and of pages. `take` gets each event, from poll(); it is taken when that returns.
    static Result<std::unique_ptr<EventReader>> create(std::uint32_t ring_bytes, Take take);
    // The previous engine's ring: goes on with the first event that it did not take.
    static Result<std::unique_ptr<EventReader>> adopt(UniqueFd ring, Take take);

    int ring_fd() const { return ring_.get(); }
    int poll_fd() const { return ring_.get(); }  // readable where events wait
    // Of the next event to be taken.
    std::uint64_t position() const;
    // Takes the events that wait, and returns how many; a bounded number a call, so that a flood leaves its caller
    // time for other things.
    int poll();

private:
    EventReader(UniqueFd ring, std::uint64_t bytes, Take take)
        : take_(std::move(take)), ring_(std::move(ring)), bytes_(bytes) {}

    bool read_event(std::span<const std::uint8_t> bytes);

    Take take_;
    weir_event_inside event_{};  // the one that is taken
    weir_capture capture_{};
    UniqueFd ring_;
    std::uint64_t bytes_;     // of its data
    UniqueMapping consumer_;  // a page: up to where it has been read
    UniqueMapping producer_;  // a page: up to where there is something; then the data, twice
};

}  // namespace weir::runtime
