// Tested by tests/unit/runtime/stdout_test.cpp.
#include "runtime/sinks/stdout.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>

#include <fmt/format.h>

#include "runtime/sinks/event_text.h"

namespace weir::runtime {
namespace {

// A pipe that poll() calls writable takes this much without waiting, in one piece.
constexpr std::size_t kMostBytes = PIPE_BUF;
constexpr int kPatience_ms = 200, kEnding_ms = 20;

std::string_view colour_of(bpf::AlertSeverity severity) {
    switch (severity) {
        case bpf::AlertSeverity::kCritical: return "\x1b[1;31m";
        case bpf::AlertSeverity::kHigh: return "\x1b[31m";
        case bpf::AlertSeverity::kMedium: return "\x1b[33m";
        case bpf::AlertSeverity::kLow: break;
    }
    return "\x1b[36m";
}

}  // namespace

LineColour line_colour(int fd) {
    const char* refused = std::getenv("NO_COLOR");
    return isatty(fd) == 1 && (refused == nullptr || *refused == '\0') ? LineColour::kOn : LineColour::kOff;
}

void append_summary(TextBuffer& to, const PackedEvent& event, LineColour colour) {
    const weir_event& record = event.record().event;
    const bpf::AlertInfo& alert = event.manifest->alerts[record.alert];
    const bool on = colour == LineColour::kOn;
    if (on) to.append(colour_of(alert.severity));
    to.append(severity_name(alert.severity));
    to.append(on ? "\x1b[0m " : " ");
    to.append(alert.name);
    to.append(": ");
    append_message(to, event, TextForm::kPrintable);
    to.append(" [");
    const std::size_t before = to.size();
    append_verdict(to, record);
    to.append(to.size() == before ? "by " : " by ");
    to.append(event.manifest->rules[record.rule].name);
    if (const std::string_view interface = name_of_interface(event); !interface.empty()) {
        to.append(" on ");
        append_text(to, interface, TextForm::kPrintable);
    }
    if (event.escalated != 0) {
        to.append(", escalated: ");
        append_number(to, event.escalated);
        to.append(" events");
    }
    to.append(']');
}

void cut_text(TextBuffer& text, std::size_t begin, std::size_t bytes) {
    if (text.size() - begin <= bytes) return;
    const auto is_within = [&](std::size_t at) { return (static_cast<std::uint8_t>(text.text()[at]) & 0xc0) == 0x80; };
    std::size_t end = begin + bytes;
    while (end > begin && is_within(end)) --end;
    text.cut(end);
}

void append_text_line(TextBuffer& to, const PackedEvent& event, LineColour colour) {
    const std::size_t begin = to.size();
    const bool on = colour == LineColour::kOn;
    if (on) to.append("\x1b[2m");
    append_time(to, event.wall_clock_ns);
    to.append(on ? "Z\x1b[0m " : "Z ");
    append_summary(to, event, colour);
    cut_text(to, begin, kMostBytes - 1);
    to.append('\n');
}

std::string text_line(const PackedEvent& event, LineColour colour) {
    TextBuffer line;
    append_text_line(line, event, colour);
    return std::string(line.text());
}

bool TextLines::wait_for_room(const Batch& batch) {
    pollfd writable{fd_, POLLOUT, 0};
    is_unread_ = poll(&writable, 1, is_unread_ ? 0 : batch.is_ending() ? kEnding_ms : kPatience_ms) == 0;
    if (is_unread_) state_ = "nobody reads standard output";
    return !is_unread_;
}

// A terminal may take a part at a time.
bool TextLines::write_all(std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = write(fd_, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) {
            state_ = fmt::format("writing to standard output failed: {}", std::strerror(errno));
            return false;
        }
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    state_ = "ok";
    return true;
}

void TextLines::deliver(Batch& batch) {
    while (batch.size() != 0) {
        text_.clear();
        std::size_t count = 0;
        for (; count < batch.size(); ++count) {
            const std::size_t before = text_.size();
            append_text_line(text_, *batch.event(count), colour_);
            if (text_.size() <= kMostBytes) continue;
            text_.cut(before);
            break;
        }
        if (!wait_for_room(batch)) return batch.lost("nobody reads", batch.size());
        if (!write_all(text_.text())) return batch.lost("not written", batch.size());
        batch.delivered(count);
    }
}

}  // namespace weir::runtime
