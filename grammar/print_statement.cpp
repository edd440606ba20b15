// Tested by tests/unit/grammar/format_test.cpp with `formatted`.
#include "grammar/print_statement.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string>

namespace weir {

StatementPrinter::StatementPrinter(std::string_view text, const Tokens& tokens, Layout& layout)
    : text_(text), tokens_(tokens), layout_(layout), breaks_(tokens.all.size()), cell_starts_(tokens.all.size()) {
    reach_.reserve(tokens.all.size() + 1);
    std::uint32_t reach = 0;
    for (std::size_t i = 0; i < tokens.all.size(); ++i) {
        reach_.push_back(reach);
        reach += static_cast<std::uint32_t>(columns(this->text(i))) + (tokens.all[i].glued ? 0 : 1);
    }
    reach_.push_back(reach);
}

std::string_view StatementPrinter::text(std::size_t index) const {
    const Token& t = tokens_.all[index];
    return text_.substr(t.begin, t.end - t.begin);
}

std::size_t StatementPrinter::width(std::size_t first, std::size_t last) const {
    return reach_[last] - reach_[first] - (tokens_.all[first].glued ? 0 : 1);
}

bool StatementPrinter::is_one_line(std::size_t first, std::size_t last) const {
    for (std::size_t i = first + 1; i < last; ++i)
        if (tokens_.all[i].line_start || has_comments(i)) return false;
    return true;
}

void StatementPrinter::comments(std::size_t index, std::size_t indent) {
    const Token& t = tokens_.all[index];
    for (std::uint32_t i = t.first_comment; i < t.first_comment + t.comment_count; ++i) {
        const TokenComment& comment = tokens_.comments[i];
        const std::string_view written = text_.substr(comment.begin, comment.end - comment.begin);
        if (!comment.own_line && !layout_.empty()) {
            layout_.trail(written);
            continue;
        }
        if (comment.blank_before) layout_.blank();
        layout_.line(indent);
        layout_.put(written, 0);
    }
}

void StatementPrinter::begin(std::size_t index, std::size_t indent) {
    comments(index, indent);
    if (tokens_.all[index].blank_before) layout_.blank();
    layout_.line(indent);
}

void StatementPrinter::end_block(std::size_t index, std::size_t indent) {
    comments(index, indent + kIndent);
    layout_.line(indent);
}

void StatementPrinter::put(std::size_t index) {
    if (cell_starts_[index]) layout_.next_cell();
    std::string written(text(index));
    if (index == padded_ && columns(written) < padded_columns_) written.append(padded_columns_ - columns(written), ' ');
    layout_.put(written, tokens_.all[index].glued ? 0 : 1);
}

bool StatementPrinter::opens_vertical(std::size_t index, std::size_t last) const {
    return text(index) == "{" && !tokens_.all[index].in_packet && index + 1 < last &&
           (tokens_.all[index + 1].line_start || has_comments(index + 1));
}

std::size_t StatementPrinter::closing(std::size_t open) const {
    std::size_t at = open + 1;
    while (tokens_.all[at].depth > tokens_.all[open].depth) ++at;
    return at;
}

bool StatementPrinter::must_break(std::size_t index, const Block* block) const {
    if (has_comments(index)) return true;
    if (block == nullptr) return false;
    if (index == block->open + 1 || index == block->close) return true;
    return tokens_.all[index].line_start && text(index - 1) == "," &&
           tokens_.all[index].depth == tokens_.all[block->open].depth + 1;
}

void StatementPrinter::flow(std::size_t first, std::size_t last, std::size_t indent) {
    std::optional<Block> block;
    for (std::size_t i = first, end = first; i < last; i = end) {
        if (i != first) {
            comments(i, indent + kIndent);
            const bool closes = block && i == block->close;
            layout_.line(closes ? indent : indent + kIndent);
            if (closes) block.reset();
        }
        for (end = i + 1;; ++end) {
            if (!block && opens_vertical(end - 1, last)) block = Block{end - 1, closing(end - 1)};
            if (end == last || must_break(end, block ? &*block : nullptr)) break;
        }
        const std::size_t word = columns(text(i));
        const std::size_t padding = i == padded_ && word < padded_columns_ ? padded_columns_ - word : 0;
        break_up(i, end, layout_.column() + padding, indent + kIndent);
        for (std::size_t j = i; j < end; ++j) {
            if (breaks_[j] != 0) layout_.line(breaks_[j]);
            put(j);
        }
    }
}

void StatementPrinter::flow_step(std::size_t first, std::size_t last, std::size_t indent) {
    const bool fits = indent + width(first, last) <= kMaxColumns;
    const auto begins_line = [&](std::size_t i) {
        return i != first && (has_comments(i) || (tokens_.all[i].line_start && !tokens_.all[i].glued && !fits));
    };
    bool one_line = true;
    std::size_t yields = last;
    for (std::size_t i = first; i < last; ++i) {
        one_line = one_line && !begins_line(i);
        if (text(i) == "=>") yields = i;
    }
    if (one_line && yields != last) start_cell(yields);
    for (std::size_t i = first; i < last; ++i) {
        if (begins_line(i)) {
            comments(i, indent + kIndent);
            layout_.line(indent + kIndent);
        }
        put(i);
    }
}

// The best places to break [first, last): before the outermost `or`s, else `and`s, else after the outermost commas.
std::vector<std::size_t> StatementPrinter::pieces(std::size_t first, std::size_t last, bool& operators) const {
    std::vector<std::size_t> ors{first}, ands{first}, commas{first};
    std::uint16_t least = std::numeric_limits<std::uint16_t>::max();
    for (std::size_t i = first + 1; i < last; ++i) {
        const std::string_view word = text(i);
        const bool is_or = word == "or", is_and = word == "and", is_comma = text(i - 1) == ",";
        const std::uint16_t depth = tokens_.all[i].depth;
        if ((!is_or && !is_and && !is_comma) || depth > least || tokens_.all[i].glued) continue;
        if (depth < least) ors.resize(1), ands.resize(1), commas.resize(1);
        least = depth;
        (is_comma ? commas : is_or ? ors : ands).push_back(i);
    }
    operators = ors.size() > 1 || ands.size() > 1;
    return ors.size() > 1 ? ors : ands.size() > 1 ? ands : commas;
}

// Chooses line breaks so that [first, last), starting at `column`, fits as well as possible. Further lines start at
// `indent`.
void StatementPrinter::break_up(std::size_t first, std::size_t last, std::size_t column, std::size_t indent) {
    if (column + width(first, last) <= kMaxColumns) return;
    bool operators = false;
    std::vector<std::size_t> starts = pieces(first, last, operators);
    if (starts.size() == 1) return;
    starts.push_back(last);
    if (!operators) return fill(starts, column, indent);
    for (std::size_t i = 0; i + 1 < starts.size(); ++i) {
        if (i != 0) breaks_[starts[i]] = static_cast<std::uint16_t>(indent);
        break_up(starts[i], starts[i + 1], i == 0 ? column : indent, indent + kIndent);
    }
}

// Puts as many pieces on a line as fit; the last of `starts` is the end.
void StatementPrinter::fill(const std::vector<std::size_t>& starts, std::size_t column, std::size_t indent) {
    std::size_t line = starts.front();
    for (std::size_t i = 1; i < starts.size(); ++i) {
        const bool end = i + 1 == starts.size();
        if (!end && column + width(line, starts[i + 1]) <= kMaxColumns) continue;
        break_up(line, starts[i], column, indent + kIndent);
        if (end) return;
        breaks_[starts[i]] = static_cast<std::uint16_t>(indent);
        line = starts[i];
        column = indent;
    }
}

}  // namespace weir
