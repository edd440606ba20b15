// Text that others wrote, as a person may see it: nothing in a policy, a packet, a path or a name may drive a terminal,
// break a line of a log, or change the order in which a line is read. Whatever prints such text calls printable().
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir {

// Bidirectional controls (Unicode TR 9): the text that follows is shown in another order than it is read by programs.
bool is_bidi_control(std::uint32_t code);

// May a person see it as it is? See printable().
bool is_printable(std::uint32_t code);

// The text, with each byte of these as \xHH: C0, DEL and C1 controls, bidirectional controls, line and paragraph
// separators, characters without a width (zero-width space, byte order mark, tags, …; the joiners of Persian, of Indic
// scripts and of emoji stay), and what is not UTF-8. What it returns it leaves as it is when called again.
std::string printable(std::string_view text);

// Columns of a terminal that printable text takes: 2 for East Asian wide characters and emoji, 0 for combining marks.
std::size_t columns(std::string_view text);

}  // namespace weir
