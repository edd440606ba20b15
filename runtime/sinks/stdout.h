// One readable line an event, to a terminal or a pipe.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/sinks/sink.h"

namespace weir::runtime {

enum class LineColour : std::uint8_t { kOff, kOn };

// On for a terminal, unless NO_COLOR is set.
LineColour line_colour(int fd);

// "2026-01-02T03:04:05.678901Z high ssh_guessing: SSH guessing from 198.51.100.7 [drop by known_bad on eth0]\n"
std::string text_line(const Event& event, LineColour colour);

class TextLines : public Sink {
public:
    // Does not own `fd`.
    TextLines(int fd, LineColour colour);
    bool write(const Event& event);
    void deliver(Batch& batch) override;
    std::string state() const override { return state_; }

private:
    int fd_;
    LineColour colour_;
    std::string state_ = "ok";
    bool wait_for_room();
    std::int64_t patience_ns_;   // that is left: it comes back slowly, so that a slow reader delays no other sink
    std::uint64_t last_ns_ = 0;  // CLOCK_MONOTONIC
};

}  // namespace weir::runtime
