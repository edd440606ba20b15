// The words and signs of a text, whether or not it can be parsed: what an editor colours and completes.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace weir::tooling::lsp {

enum class Lexeme : std::uint8_t { kWord, kString, kComment, kSign };

struct Token {
    Lexeme kind = Lexeme::kWord;
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
    std::uint32_t depth = 0;  // open parentheses, brackets and braces before it
    bool is_open = false;     // a string without its end on the same line

    std::string_view in(std::string_view text) const { return text.substr(begin, end - begin); }
};

// Of the whole text. A string ends with its line at the latest.
std::vector<Token> lex(std::string_view text);

}  // namespace weir::tooling::lsp
