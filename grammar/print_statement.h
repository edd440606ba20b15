// One statement of a formatted text: an item's head, a clause, a step. Breaks lines that are too long, keeps comments.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "grammar/layout.h"
#include "grammar/tokens.h"

namespace weir {

inline constexpr std::size_t kIndent = 4;

class StatementPrinter {
public:
    StatementPrinter(std::string_view text, const Tokens& tokens, Layout& layout);

    std::string_view text(std::size_t token) const;
    const Token& token(std::size_t index) const { return tokens_.all[index]; }
    // Columns that tokens [first, last) take on one line.
    std::size_t width(std::size_t first, std::size_t last) const;
    bool is_one_line(std::size_t first, std::size_t last) const;  // as the author wrote them

    // The comments before `token`, a blank line if the author left one, then a line at `indent` for the token.
    void begin(std::size_t token, std::size_t indent);
    // The comments before the sign that closes a block.
    void end_block(std::size_t token, std::size_t indent);
    // Tokens [first, last), appended to the current line; `indent` is the statement's.
    void flow(std::size_t first, std::size_t last, std::size_t indent);
    // The same for a step of a test: lines break where the author broke them, and only in steps that are too long. `=>`
    // starts a column.
    void flow_step(std::size_t first, std::size_t last, std::size_t indent);
    void put(std::size_t token);
    void comments(std::size_t token, std::size_t indent);

    // The token starts a column.
    void start_cell(std::size_t token) { cell_starts_[token] = true; }
    // The token takes at least so many columns.
    void pad(std::size_t token, std::size_t to_columns) { padded_ = token, padded_columns_ = to_columns; }

private:
    struct Block {  // a set with a line break after its brace
        std::size_t open;
        std::size_t close;
    };
    bool has_comments(std::size_t token) const { return tokens_.all[token].comment_count != 0; }
    bool opens_vertical(std::size_t token, std::size_t last) const;
    std::size_t closing(std::size_t open) const;
    bool must_break(std::size_t token, const Block* block) const;
    void break_up(std::size_t first, std::size_t last, std::size_t column, std::size_t indent);
    void fill(const std::vector<std::size_t>& pieces, std::size_t column, std::size_t indent);
    std::vector<std::size_t> pieces(std::size_t first, std::size_t last, bool& operators) const;

    std::string_view text_;
    const Tokens& tokens_;
    Layout& layout_;
    std::vector<std::uint32_t> reach_;   // columns of all earlier tokens on one line of unlimited length
    std::vector<std::uint16_t> breaks_;  // the indent of the line that starts with a token, or 0
    std::vector<bool> cell_starts_;
    std::size_t padded_ = 0;
    std::size_t padded_columns_ = 0;
};

}  // namespace weir
