// Windows of escalations, by key: docs/language.md, "Alerts and sinks". A key's first event opens a window, which has
// the events before its end; a later one opens the next.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

namespace weir::runtime {

class EventWindows {
public:
    static constexpr std::size_t kMostKeys = 65'536;  // docs/limits.md

    explicit EventWindows(std::uint64_t count, std::uint64_t window_ns, std::size_t most_keys = kMostKeys)
        : count_(count), window_ns_(window_ns), most_keys_(most_keys) {}
    EventWindows(EventWindows&&) = default;
    EventWindows& operator=(EventWindows&&) = default;

    // One more event of the key. True for the `count`th of a window: once a window. An event before the window's first
    // one (several CPUs) counts in it.
    bool add(std::string_view key, std::uint64_t time_ns);
    // Windows that were still open when their key was forgotten: the one that opened first goes.
    std::uint64_t evictions() const { return evictions_; }
    std::size_t keys() const { return windows_.size(); }

private:
    struct Window {
        std::string key;
        std::uint64_t begin_ns = 0;
        std::uint64_t events = 0;
    };
    using Place = std::list<Window>::iterator;  // in the order in which they were opened

    void make_room(std::uint64_t time_ns);
    bool is_over(const Window& window, std::uint64_t time_ns) const {
        return time_ns >= window.begin_ns && time_ns - window.begin_ns >= window_ns_;
    }

    std::uint64_t count_, window_ns_;
    std::size_t most_keys_;
    std::list<Window> windows_;
    std::unordered_map<std::string_view, Place> by_key_;
    std::uint64_t evictions_ = 0;
};

}  // namespace weir::runtime
