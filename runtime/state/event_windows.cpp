// Tested by tests/unit/runtime/event_windows_test.cpp.
#include "runtime/state/event_windows.h"

#include <iterator>

namespace weir::runtime {

void EventWindows::make_room(std::uint64_t time_ns) {
    while (!windows_.empty() && (is_over(windows_.front(), time_ns) || windows_.size() >= most_keys_)) {
        if (!is_over(windows_.front(), time_ns)) ++evictions_;
        by_key_.erase(windows_.front().key);
        windows_.pop_front();
    }
}

bool EventWindows::add(std::string_view key, std::uint64_t time_ns) {
    const auto known = by_key_.find(key);
    if (known != by_key_.end() && !is_over(*known->second, time_ns)) return ++known->second->events == count_;
    if (known != by_key_.end()) {
        Window& window = *known->second;
        window.begin_ns = time_ns;
        window.events = 1;
        windows_.splice(windows_.end(), windows_, known->second);
    } else {
        make_room(time_ns);
        windows_.push_back({std::string(key), time_ns, 1});
        by_key_.emplace(windows_.back().key, std::prev(windows_.end()));
    }
    return count_ == 1;
}

}  // namespace weir::runtime
