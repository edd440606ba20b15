#include "runtime/actions/stdout.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <fmt/format.h>

#include "runtime/kernel.h"

namespace weir::runtime {
namespace {

// A pipe that poll() calls writable takes this much without waiting (PIPE_BUF), in one piece.
constexpr std::size_t kMaxLineBytes = 4096;
// How long a burst may wait for the reader of a full pipe, once.
constexpr int kPatience_ms = 200;

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
    std::string line = fmt::format("{}{}{} {}{}{} {}: {}", on ? "\x1b[2m" : "", rfc3339(event.wall_clock_ns), on ? "\x1b[0m" : "",
                                   on ? colour_of(event.severity) : "", event.severity, on ? "\x1b[0m" : "", event.alert,
                                   event.message);
    line += fmt::format(" [{}by {}{}]", event.verdict.empty() ? "" : event.verdict + " ", event.rule,
                        event.interface.empty() ? "" : " on " + event.interface);
    if (line.size() > kMaxLineBytes - 1) line.resize(kMaxLineBytes - 1);
    return line + '\n';
}

bool TextLines::deliver(const Event& event) {
    const std::string line = text_line(event, colour_);
    pollfd writable{fd_, POLLOUT, 0};
    if (poll(&writable, 1, is_stalled_ ? 0 : kPatience_ms) == 0) {
        is_stalled_ = true;
        state_ = "nobody reads standard output";
        return false;
    }
    is_stalled_ = false;
    if (write(fd_, line.data(), line.size()) == static_cast<ssize_t>(line.size())) {
        state_ = "ok";
        return true;
    }
    state_ = fmt::format("writing to standard output failed: {}", std::strerror(errno));
    return false;
}

}  // namespace weir::runtime
