// The events of a running engine for those who ask at a door: the last ones, and those that come.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "runtime/sinks/packed_event.h"
#include "service/command.h"

namespace weir::service {

class EventFeed {
public:
    // Events of the engine, in their order.
    void take(std::span<const runtime::PackedEvent* const> events);
    // Replies to `peer`, then offers it the last events; to one that follows, each that comes, until it leaves.
    void serve(const EventsCommand& command, Peer peer);
    // Hands out what came. A peer that reads too slowly misses events, and gets {"lost":N} once it reads again. Events
    // for which no peer has room cost nothing.
    void publish();
    std::size_t followers() const { return followers_.size(); }

private:
    struct Follower {
        Peer peer;
        std::uint64_t lost = 0;  // and not said yet: it has no room
    };
    static void say_lost(Follower& follower);

    std::deque<std::string> last_;   // as lines of EVE
    std::vector<std::string> news_;  // lines that were not handed out; empty where nobody follows
    std::uint64_t not_kept_ = 0;     // news that found no room since they were handed out
    std::vector<Follower> followers_;
};

}  // namespace weir::service
