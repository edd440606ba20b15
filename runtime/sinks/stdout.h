// One readable line an event, to a terminal or a pipe.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/sinks/sink.h"
#include "runtime/sinks/text_buffer.h"

namespace weir::runtime {

enum class LineColour : std::uint8_t { kOff, kOn };

// On for a terminal, unless NO_COLOR is set.
LineColour line_colour(int fd);

// "high ssh_guessing: SSH guessing from 198.51.100.7 [drop by known_bad on eth0]"
void append_summary(TextBuffer& to, const PackedEvent& event, LineColour colour);
// The same behind its time, "2026-01-02T03:04:05.678901Z ", and with a newline: 4096 bytes at most.
void append_text_line(TextBuffer& to, const PackedEvent& event, LineColour colour);
std::string text_line(const PackedEvent& event, LineColour colour);
// Cuts what is behind `begin` so that it has so many bytes at most, between characters.
void cut_text(TextBuffer& text, std::size_t begin, std::size_t bytes);

class TextLines : public Sink {
public:
    // Does not own `fd`.
    TextLines(int fd, LineColour colour) : fd_(fd), colour_(colour) {}
    // What nobody reads for a moment is lost, and from then on all, until there is room again.
    void deliver(Batch& batch) override;
    std::string state() const override { return state_; }

private:
    bool wait_for_room(const Batch& batch);
    bool write_all(std::string_view text);

    int fd_;
    LineColour colour_;
    TextBuffer text_{};
    bool is_unread_ = false;
    std::string state_ = "ok";
};

}  // namespace weir::runtime
