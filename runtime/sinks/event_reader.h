// The ring that programs put events into, and who reads it. One an engine: it outlives every policy.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "bpf/abi.h"
#include "grammar/base/result.h"
#include "runtime/handles.h"

namespace weir::runtime {

class EventReader {
public:
    using Take = std::function<void(const weir_event&)>;

    // `ring_bytes`: a power of two and of pages. `take` gets each event, from poll().
    static Result<std::unique_ptr<EventReader>> create(std::uint32_t ring_bytes, Take take);

    // The ring of an engine that is gone: goes on behind the last event that it took.
    static Result<std::unique_ptr<EventReader>> adopt(UniqueFd ring, Take take);

    int ring_fd() const { return ring_map_.get(); }
    int poll_fd() const { return ring_buffer__epoll_fd(ring_.get()); }
    // Waits up to `timeout_ms` for events, takes those there are, and returns how many; a bounded number a call, so
    // that a flood leaves its caller time for other things. Returns early, with 0, at a signal.
    Result<int> poll(int timeout_ms);

private:
    explicit EventReader(Take take) : take_(std::move(take)) {}
    static int receive(void* reader, void* record, std::size_t bytes);

    Take take_;
    int taken_ = 0;  // by this poll()
    UniqueFd ring_map_;
    RingPtr ring_;
};

}  // namespace weir::runtime
