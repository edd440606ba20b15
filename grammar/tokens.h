// The words and signs of a text with what stands between them: the formatter moves tokens and never changes one.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "grammar/ast.h"
#include "grammar/source.h"

namespace weir {

struct TokenComment {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;  // without white space at its end
    bool own_line = false;  // nothing but space stands before it on its line
    bool blank_before = false;
};

struct Token {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
    std::uint32_t first_comment = 0;  // of those between the token before and this one, in Tokens::comments
    std::uint32_t comment_count = 0;
    std::uint16_t depth = 0;  // open parentheses, brackets and braces around it
    bool line_start = false;  // the author began a line with it
    bool blank_before = false;
    bool glued = false;      // no space stands before it
    bool in_packet = false;  // of a test's step: braces and brackets are no sets and slices there
};

struct Tokens {
    std::vector<Token> all;  // the last one is empty and stands for the end of the text
    std::vector<TokenComment> comments;
};

// The tokens of a policy that parsed without errors.
Tokens tokenize(const Sources& sources, const ast::Policy& policy);

// Where item `item` begins.
Span item_span(const ast::Item& item);

}  // namespace weir
