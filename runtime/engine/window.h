// Events that were read from the ring and whose sinks are not done with them, in the ring's order.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

#include "runtime/sinks/packed_event.h"

namespace weir::runtime {

struct InFlight : PackedEvent {
    std::uint32_t generation = 0;
    std::uint32_t alert = 0;
    std::uint64_t end = 0;        // its ring position's
    std::uint64_t taken_ns = 0;   // CLOCK_MONOTONIC: when it was read
    std::uint32_t unsettled = 0;  // sinks that have it
    bool is_lost = false;         // one of them did not take it
    bool is_counted = true;       // false: no alert's account knows it
    bool is_held = false;         // the ring has let go of it
    // Of a copy that `escalated` says so: the event, where its sink gets the copy in that one's place.
    InFlight* stands_for = nullptr;
};

class Window {
public:
    // The next event, behind all others; its memory is used again.
    InFlight& add();
    // An event that stands nowhere in the ring.
    InFlight& add_copy();
    bool empty() const { return window_.empty(); }
    InFlight& front() { return *window_.front(); }
    // The front leaves the window: it is done with, or goes on as one that is held.
    void drop_front();
    void hold_front();
    // One that is held, or a copy, is done with.
    void drop(const InFlight& event);

private:
    std::unique_ptr<InFlight> take_spare();
    void give_back(std::unique_ptr<InFlight> event);

    std::deque<std::unique_ptr<InFlight>> window_;
    std::vector<std::unique_ptr<InFlight>> spare_;
    std::unordered_map<const InFlight*, std::unique_ptr<InFlight>> held_;
};

}  // namespace weir::runtime
