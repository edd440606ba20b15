// The events that streams send, once for all of them: each stream has a place in one text, and one that falls behind by
// more than that text holds is dropped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir::service::http {

class EventLog {
public:
    explicit EventLog(std::size_t most_bytes) : most_bytes_(most_bytes) {}

    void append(std::string_view text) {
        text_ += text;
        if (text_.size() <= 2 * most_bytes_) return;
        const std::size_t gone = text_.size() - most_bytes_;
        text_.erase(0, gone);
        begin_ += gone;
    }
    std::uint64_t end() const { return begin_ + text_.size(); }
    // Whether a stream at `at` has more to send than it may hold.
    bool is_behind(std::uint64_t at) const { return end() - at > most_bytes_; }
    // What follows `at`, of a stream that is not behind.
    std::string_view from(std::uint64_t at) const { return std::string_view(text_).substr(at - begin_); }

private:
    std::size_t most_bytes_;
    std::string text_{};
    std::uint64_t begin_ = 0;  // bytes that were there before
};

// Server-sent events: a line of EVE, or {"lost":N}, which has a name. Line ends cannot be in either.
std::string as_event(std::string_view line);

// How many events a line stands for that the engine could not hand over in time: N of {"lost":N}; 0 of any other.
std::uint64_t lost_of(std::string_view line);

// The same line of EVE without the bytes of packets.
std::string without_packet(std::string line);

}  // namespace weir::service::http
