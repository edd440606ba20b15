// Tested by tests/unit/runtime/sinks_test.cpp.
#include "runtime/sinks/stdout.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <fmt/format.h>

#include "runtime/kernel.h"
#include "runtime/sinks/event_text.h"

namespace weir::runtime {
namespace {

// A pipe that poll() calls writable takes this much without waiting (PIPE_BUF), in one piece.
constexpr std::size_t kMaxLineBytes = 4096;
// How long events may wait for the reader of a full pipe at once, and in the long run: one part in so many of the time.
constexpr std::int64_t kPatience_ns = 200'000'000, kShare = 20;
constexpr std::int64_t kMillisecond_ns = 1'000'000;

std::string_view colour_of(const std::string& severity) {
    if (severity == "critical") return "\x1b[1;31m";
    if (severity == "high") return "\x1b[31m";
    if (severity == "medium") return "\x1b[33m";
    return "\x1b[36m";
}

}  // namespace

LineColour line_colour(int fd) {
    const char* refused = std::getenv("NO_COLOR");
    return isatty(fd) == 1 && (refused == nullptr || *refused == '\0') ? LineColour::kOn : LineColour::kOff;
}

std::string text_line(const Event& event, LineColour colour) {
    const bool on = colour == LineColour::kOn;
    std::string line = fmt::format("{}{}{} {}{}{} {}: {}", on ? "\x1b[2m" : "", rfc3339(event.wall_clock_ns),
                                   on ? "\x1b[0m" : "", on ? colour_of(event.severity) : "", event.severity,
                                   on ? "\x1b[0m" : "", event.alert, event.message);
    line += fmt::format(" [{}by {}{}]", event.verdict.empty() ? "" : event.verdict + " ", event.rule,
                        event.interface.empty() ? "" : " on " + event.interface);
    if (line.size() > kMaxLineBytes - 1) line.resize(kMaxLineBytes - 1);
    return line + '\n';
}

TextLines::TextLines(int fd, LineColour colour)
    : fd_(fd), colour_(colour), patience_ns_(kPatience_ns), last_ns_(monotonic_ns()) {}

bool TextLines::wait_for_room() {
    pollfd writable{fd_, POLLOUT, 0};
    const std::uint64_t now_ns = monotonic_ns();
    patience_ns_ = std::min(kPatience_ns, patience_ns_ + static_cast<std::int64_t>(now_ns - last_ns_) / kShare);
    last_ns_ = now_ns;
    if (poll(&writable, 1, 0) != 0) return true;
    if (patience_ns_ < kMillisecond_ns) return false;
    const bool has_room = poll(&writable, 1, static_cast<int>(patience_ns_ / kMillisecond_ns)) != 0;
    last_ns_ = monotonic_ns();
    patience_ns_ -= static_cast<std::int64_t>(last_ns_ - now_ns);
    return has_room;
}

void TextLines::deliver(Batch& batch) {
    while (batch.size() != 0) {
        if (write(to_event(*batch.event(0))))
            batch.delivered(1);
        else
            batch.lost("nobody reads", 1);
    }
}

bool TextLines::write(const Event& event) {
    const std::string line = text_line(event, colour_);
    if (!wait_for_room()) {
        state_ = "nobody reads standard output";
        return false;
    }
    if (::write(fd_, line.data(), line.size()) == static_cast<ssize_t>(line.size())) {
        state_ = "ok";
        return true;
    }
    state_ = fmt::format("writing to standard output failed: {}", std::strerror(errno));
    return false;
}

}  // namespace weir::runtime
