// Tested by tests/house/house_test.py.
#include "cli/terminal.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <fmt/format.h>

#include "grammar/rendered.h"

namespace weir::cli {

namespace {

bool quiet = false;

}  // namespace

bool is_screen(int fd) {
    const char* kind = std::getenv("TERM");
    return (kind == nullptr || std::string_view(kind) != "dumb") && isatty(fd) == 1;
}

Colour colour_of(int fd) {
    const char* no_color = std::getenv("NO_COLOR");
    const bool forbidden = no_color != nullptr && *no_color != '\0';
    return !forbidden && is_screen(fd) ? Colour::kOn : Colour::kOff;
}

void write_text(std::FILE* file, std::string_view text) {
    static_cast<void>(std::fwrite(text.data(), 1, text.size(), file) == text.size());
}

void be_quiet() { quiet = true; }
bool is_quiet() { return quiet; }
void say_note(std::string_view text) {
    if (!quiet) put(stderr, "note: {}\n", printable(text));
}

int say_error(const Error& error) {
    const bool colour = colour_of(STDERR_FILENO) == Colour::kOn;
    put(stderr, "{}weir: {}{}\n", colour ? "\x1b[1;31m" : "", colour ? "\x1b[0m" : "", printable(error.message));
    if (!error.help.empty()) put(stderr, "      {}\n", printable(error.help));
    return kWorldFault;
}

int say_error(const std::string& sentence) { return say_error(Error{sentence, {}, 0}); }

int finish_output(int status) {
    errno = 0;
    if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
    const int reason = errno;  // 0 where an earlier write failed
    pollfd output{STDOUT_FILENO, POLLOUT, 0};
    const bool reader_left = reason == EPIPE || (poll(&output, 1, 0) == 1 && (output.revents & POLLERR) != 0);
    if (reader_left) return status;
    const int said = say_error("standard output cannot be written" +
                               (reason == 0 ? std::string() : ": " + std::string(std::strerror(reason))));
    return status == kOk ? said : status;
}

std::string padded(std::string_view text, std::size_t width) {
    std::string shown = printable(text);
    const std::size_t taken = columns(shown);
    return shown.append(taken < width ? width - taken : 0, ' ');
}

std::string quoted_lines(std::string_view text) {
    std::string lines = printable_rendered(text, Colour::kOff);
    for (std::size_t at = 0; (at = lines.find('\n', at)) != std::string::npos; at += 5) lines.replace(at, 1, "\n    ");
    return lines;
}

std::string measured_text(std::uint64_t value, std::string_view unit) {
    struct Scale {
        double of;
        const char* word;
    };
    constexpr Scale kTimes[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}, {1, "ns"}};
    constexpr Scale kBytes[] = {{1e9, "GB"}, {1e6, "MB"}, {1e3, "KB"}, {1, "B"}};
    if (unit.empty()) return fmt::to_string(value);
    for (const Scale& scale : unit == "ns" ? kTimes : kBytes)
        if (static_cast<double>(value) >= scale.of)
            return fmt::format("{:.{}f}{}", static_cast<double>(value) / scale.of, scale.of > 1 ? 2 : 0, scale.word);
    return unit == "ns" ? "0ns" : "0B";
}

}  // namespace weir::cli
