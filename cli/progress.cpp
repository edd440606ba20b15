// Tested by tests/cli/answers_test.py with `"replay"`.
#include "cli/progress.h"

#include <unistd.h>

#include <cstdio>

#include <fmt/format.h>

namespace weir::cli {

Progress::Progress(std::string what, std::uint64_t total)
    : what_(std::move(what)),
      total_(total),
      watched_(isatty(STDERR_FILENO) == 1),
      next_(Clock::now() + std::chrono::seconds(1)) {}

void Progress::step(std::uint64_t done) {
    constexpr std::uint64_t kClockInterval = 64;  // read the clock once in so many calls
    if (!watched_ || (total_ == 0 && done % kClockInterval != 0)) return;
    const Clock::time_point now = Clock::now();
    if (now < next_) return;
    next_ = now + std::chrono::milliseconds(100);
    shown_ = true;
    if (total_ == 0)
        fmt::print(stderr, "\r\x1b[K{} {}", done, what_);
    else
        fmt::print(stderr, "\r\x1b[K{} of {} {} ({}%)", done, total_, what_, done * 100 / total_);
    std::fflush(stderr);
}

void Progress::finish() {
    if (shown_) std::fputs("\r\x1b[K", stderr);
    shown_ = false;
}

}  // namespace weir::cli
