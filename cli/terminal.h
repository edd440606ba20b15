// Talking to people: colour, exit statuses, the world's faults.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "grammar/base/printable.h"
#include "grammar/base/result.h"
#include "grammar/render.h"
#include "tooling/exit_status.h"

namespace weir::cli {

// A terminal that understands control sequences: none is with TERM=dumb.
bool is_screen(int fd);
// Colour only on such a terminal, and never with NO_COLOR.
Colour colour_of(int fd);

// --quiet, of every command: only errors and results. For the rest of the process.
void be_quiet();
bool is_quiet();
// As fmt::print, which throws if nothing can be written: then this writes nothing. A disk that is full or a reader that
// left changes no status; finish_output() sees it.
void write_text(std::FILE* file, std::string_view text);
template <typename... Values>
void put(std::FILE* file, fmt::format_string<Values...> text, Values&&... values) {
    write_text(file, fmt::format(text, std::forward<Values>(values)...));
}
template <typename... Values>
void put(fmt::format_string<Values...> text, Values&&... values) {
    write_text(stdout, fmt::format(text, std::forward<Values>(values)...));
}

// "note: …" on standard error, unless quiet. `text` may be hostile.
void say_note(std::string_view text);

// One sentence on standard error, and what to do about it. Returns kWorldFault.
int say_error(const Error& error);
int say_error(const std::string& sentence);

// Flushes standard output. Where that fails (a full disk), says so, and a status of success becomes kWorldFault; a
// reader that left (EPIPE) wanted no more.
int finish_output(int status);

// A column of a table: printable, and padded by the width that people see.
std::string padded(std::string_view text, std::size_t width);

// Lines that somebody else wrote, as printable_rendered(), each but the first behind spaces: none of them looks like a
// line of ours.
std::string quoted_lines(std::string_view text);

// "1.25ms", "640 B", "17": a measured value in its unit: "ns", "bytes" or none.
std::string measured_text(std::uint64_t value, std::string_view unit);

}  // namespace weir::cli
