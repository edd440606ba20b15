// The text of one file outside of items: comments, limits, and where to continue after an error.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/ast.h"
#include "grammar/diagnostic.h"
#include "grammar/parser.h"
#include "grammar/source.h"

namespace weir {

class Scan {
public:
    Scan(const Sources& sources, std::uint32_t file, Diagnostics& diagnostics);

    std::string_view text() const { return text_; }
    // False if the text is too large or not UTF-8; an error is reported.
    bool acceptable();
    std::vector<ast::Comment> comments();
    // False if no item is nested too deep; call it after the comments are known. True can also mean unclosed braces.
    bool may_be_deep() const { return deepest_ > kMaxNesting; }
    // The first position at or after `at` that is neither space nor comment.
    std::uint32_t skip_space(std::uint32_t at) const;
    // Reports that the item at `begin` is nested too deep.
    bool too_deep(std::uint32_t begin);
    // Reports unexpected text at `at`, in the item at `begin`; `expected` is the grammar's sentence.
    void unexpected(std::uint32_t begin, std::uint32_t at, const std::string& expected);
    // Notes what the text from `begin` to `end`, which is no item, may declare.
    void lose(std::uint32_t begin, std::uint32_t end, ast::Policy& policy) const;
    // The start of the next item, after an error at `at` in the item at `begin`.
    std::uint32_t next_item(std::uint32_t begin, std::uint32_t at) const;

private:
    // unexpected.cpp
    bool broken_string(std::uint32_t at, const std::string& expected);
    bool broken_name(std::uint32_t at, const std::string& expected);
    bool foreign_operator(std::uint32_t at, const std::string& expected);
    bool quoted_otherwise(Diagnostic& said, std::uint32_t at) const;
    bool skipped(Diagnostic& said, std::string_view found, const std::string& expected) const;
    bool known_mistake(Diagnostic& said, std::string_view found, const std::string& expected) const;
    bool misspelt(Diagnostic& said, std::string_view found, const std::string& expected) const;
    // Whether nothing but the end of a clause follows: its end of line, a brace, a comma, the next clause.
    bool ends_clause(std::uint32_t end) const;
    // idioms.cpp: what takes more than one word to recognise
    struct Word {
        std::uint32_t begin;
        std::uint32_t end;
        std::string_view text;
    };
    Word word_before(std::uint32_t at) const;
    Word word_after(std::uint32_t at) const;
    bool starts_line(std::uint32_t at) const;
    // The grammar's sentence, with "`then`" also where the operand of a let or of parentheses has ended.
    std::string place_of(std::uint32_t at, const std::string& expected) const;
    bool idiom(Diagnostic& said, std::string_view found, const std::string& place) const;
    bool split_field(Diagnostic& said, std::string_view found, const std::string& place) const;
    bool dashed(Diagnostic& said, std::string_view found, const std::string& place) const;
    bool wildcard_address(Diagnostic& said, std::string_view found, const std::string& place) const;
    bool block_comment(Diagnostic& said, std::string_view found, const std::string& place) const;
    bool enclosed(Diagnostic& said, std::string_view found, const std::string& place) const;
    bool rate_in_words(Diagnostic& said, std::string_view found, const std::string& place) const;
    bool between(Diagnostic& said, std::string_view found, const std::string& place) const;
    bool dollar_name(Diagnostic& said, std::string_view found, const std::string& place) const;
    bool left_out(Diagnostic& said, std::string_view found, const std::string& place) const;
    bool content(Diagnostic& said, std::string_view found, const std::string& place) const;
    // scan.cpp
    std::uint32_t skip_string(std::uint32_t at) const;
    std::uint32_t skip_line(std::uint32_t at) const;
    bool at_item_keyword(std::uint32_t at) const;
    bool starts(std::uint32_t at, std::string_view what) const { return text_.substr(at).starts_with(what); }
    Span span(std::uint32_t begin, std::uint32_t end) const { return {file_, begin, end}; }

    std::uint32_t file_;
    std::string_view text_;
    Diagnostics& diagnostics_;
    std::size_t deepest_ = 0;
};

}  // namespace weir
