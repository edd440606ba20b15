// The words and signs of a text, with the comments between them. The formatter moves tokens and never changes one.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "grammar/ast.h"
#include "grammar/source.h"

namespace weir {

struct TokenComment {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;  // without trailing white space
    bool own_line = false;  // only space before it on its line
    bool blank_before = false;
};

struct Token {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
    std::uint32_t first_comment = 0;  // of the comments before this token, in Tokens::comments
    std::uint32_t comment_count = 0;
    std::uint16_t depth = 0;  // open parentheses, brackets and braces around it
    bool line_start = false;  // first on its line in the source
    bool blank_before = false;
    bool glued = false;      // no space before it
    bool in_packet = false;  // in a step of a test, where braces and brackets are not sets and slices
};

struct Tokens {
    std::vector<Token> all;  // the last one is empty and marks the end of the text
    std::vector<TokenComment> comments;
};

// The tokens of a policy that parsed without errors.
Tokens tokenize(const Sources& sources, const ast::Policy& policy);

// The start of item `item`.
Span item_span(const ast::Item& item);

}  // namespace weir
