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

// An event where it stands in the ring. Positions rise as long as the ring is there.
struct RingEvent {
    std::span<const std::uint8_t> record{};  // weir_event, and as its flags say weir_event_inside; may be too short
    const weir_capture* capture = nullptr;   // of an event with WEIR_EVENT_CAPTURED
    std::uint64_t position = 0;
    std::uint64_t end = 0;  // where the next one begins
};

class EventReader {
public:
    // What it is given is there only as long as it runs.
    using Take = std::function<void(const RingEvent& event)>;

    // `ring_bytes`: a power of two and of pages. `take` gets each event, from poll().
    static Result<std::unique_ptr<EventReader>> create(std::uint32_t ring_bytes, Take take);
    // The previous engine's ring: goes on with the first event that it did not let go of.
    static Result<std::unique_ptr<EventReader>> adopt(UniqueFd ring, Take take);

    int ring_fd() const { return ring_.get(); }
    int poll_fd() const { return ring_.get(); }  // readable where events wait
    // Of the next event to be taken.
    std::uint64_t position() const { return next_; }
    // The ring may use what stands before this position. Whoever reads the ring next begins there.
    void let_go(std::uint64_t end);
    // Events wait of which the kernel has woken nobody, because it saw the ring keep earlier ones. To be asked after
    // the last let_go() before a wait.
    bool has_more() const;
    // Bytes between there and position().
    std::uint64_t kept_bytes() const;
    std::uint64_t ring_bytes() const { return bytes_; }
    // Takes the events that wait, and returns how many; kMost at most, so that a flood leaves its caller time for other
    // things. Where the ring keeps events, the kernel wakes nobody for the next: then poll() is to be called unasked.
    static constexpr int kMost = 1024;
    int poll();

private:
    EventReader(UniqueFd ring, std::uint64_t bytes, Take take)
        : take_(std::move(take)), ring_(std::move(ring)), bytes_(bytes) {}

    // Of the record there: its length with the kernel's two bits, and where it stands.
    std::uint32_t length_of(std::uint64_t position) const;
    const std::uint8_t* record_at(std::uint64_t position) const;

    Take take_;
    UniqueFd ring_;
    std::uint64_t bytes_;  // of its data
    std::uint64_t next_ = 0;
    UniqueMapping consumer_;  // a page: up to where it has been read
    UniqueMapping producer_;  // a page: up to where there is something; then the data, twice
};

}  // namespace weir::runtime
