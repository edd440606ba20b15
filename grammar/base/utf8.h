// UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir {

struct Character {
    std::uint32_t code = 0;
    std::size_t bytes = 0;  // 0: not UTF-8
};

// The character that `text`, which is not empty, starts with.
Character first_character(std::string_view text);

// Some editors, most of them on Windows, write U+FEFF at the start of a file. It is not part of the text.
std::string_view without_byte_order_mark(std::string_view text);

}  // namespace weir
