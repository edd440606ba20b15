// The events of a running engine for those who ask on the control socket: the last ones, and those that come.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>

#include "runtime/sinks/event.h"
#include "service/control_socket.h"

namespace weir::service {

class EventFeed {
public:
    // Each event of the engine.
    void take(const runtime::Event& event);
    // Answers `client` with the last events; with kFollow, it gets each that comes, until it leaves.
    enum class Until : std::uint8_t { kNow, kFollow };
    void serve(ControlServer& control, std::uint64_t client, Until until);
    // Hands out what came. A client that reads too slowly misses events, and is told how many.
    void publish(ControlServer& control);

private:
    struct Follower {
        std::uint64_t lost = 0;
    };

    std::deque<runtime::Event> last_;
    std::deque<std::string> news_;  // lines that were not handed out; empty where nobody follows
    std::uint64_t not_kept_ = 0;    // news that found no room since they were handed out
    std::map<std::uint64_t, Follower> followers_;
};

}  // namespace weir::service
