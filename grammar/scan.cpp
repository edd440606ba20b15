// Tested by tests/unit/grammar/format_test.cpp with `too`.
#include "grammar/scan.h"

#include <algorithm>

#include <fmt/format.h>

#include "grammar/base/printable.h"
#include "grammar/base/utf8.h"
#include "grammar/reserved.h"

namespace weir {
namespace {

constexpr std::size_t kMaxBidiWarnings = 64;  // of a file

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f'; }
bool opens(char c) { return c == '(' || c == '[' || c == '{'; }
bool closes(char c) { return c == ')' || c == ']' || c == '}'; }
bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == ':' || c == '/';
}

}  // namespace

Scan::Scan(const Sources& sources, std::uint32_t file, Diagnostics& diagnostics)
    : file_(file), text_(sources.text(file)), diagnostics_(diagnostics) {}

bool Scan::acceptable() {
    if (text_.size() > kMaxFileBytes) {
        diagnostics_.add({.code = Code::E502,
                          .span = span(0, 0),
                          .message = fmt::format("the file has {} bytes; the limit is {}", text_.size(), kMaxFileBytes),
                          .help = "put long lists into set files: `set NAME : TYPE from \"FILE\"`"});
        return false;
    }
    std::size_t bidi_controls = 0;
    for (std::size_t at = 0; at < text_.size();) {
        if (const auto byte = static_cast<unsigned char>(text_[at]); byte != 0 && byte < 0x80) {
            ++at;
            continue;
        }
        const auto begin = static_cast<std::uint32_t>(at);
        const Character character = first_character(text_.substr(at));
        if (character.bytes == 0 || character.code == 0) {
            diagnostics_.add(
                {.code = Code::E106,
                 .span = span(begin, begin + 1),
                 .message = fmt::format("byte 0x{:02x} is not UTF-8 text", static_cast<unsigned char>(text_[at])),
                 .help = "save the file as UTF-8; write other bytes in strings as \\xHH"});
            return false;
        }
        const auto end = static_cast<std::uint32_t>(at += character.bytes);
        if (is_bidi_control(character.code) && bidi_controls++ < kMaxBidiWarnings)
            diagnostics_.add(
                {.code = Code::W406,
                 .span = span(begin, end),
                 .message = fmt::format("the character U+{:04X} changes the order in which this line is shown",
                                        character.code),
                 .help = "what people see of the line may differ from what is in force; in a string, write "
                         "its bytes as \\xHH",
                 .fix = Fix{span(begin, end), ""}});
    }
    return true;
}

std::uint32_t Scan::skip_line(std::uint32_t at) const {
    while (at < text_.size() && text_[at] != '\n') ++at;
    return at;
}

// `at` stands on a quote. A string ends with its line at the latest.
std::uint32_t Scan::skip_string(std::uint32_t at) const {
    for (++at; at < text_.size() && text_[at] != '"' && text_[at] != '\n'; ++at)
        if (text_[at] == '\\' && at + 1 < text_.size() && text_[at + 1] != '\n') ++at;
    return at < text_.size() && text_[at] == '"' ? at + 1 : at;
}

std::vector<ast::Comment> Scan::comments() {
    std::vector<ast::Comment> comments;
    std::size_t depth = 0;
    for (std::uint32_t at = 0; at < text_.size();) {
        if (text_[at] == '"') {
            at = skip_string(at);
        } else if (text_[at] == '#') {
            const std::uint32_t end = skip_line(at);
            const bool crlf = end > at && text_[end - 1] == '\r';
            comments.push_back({span(at, crlf ? end - 1 : end)});
            at = end;
        } else {
            if (opens(text_[at])) deepest_ = std::max(deepest_, ++depth);
            if (closes(text_[at]) && depth > 0) --depth;
            ++at;
        }
    }
    return comments;
}

std::uint32_t Scan::skip_space(std::uint32_t at) const {
    while (at < text_.size()) {
        if (is_space(text_[at]))
            ++at;
        else if (text_[at] == '#')
            at = skip_line(at);
        else
            break;
    }
    return at;
}

bool Scan::too_deep(std::uint32_t begin) {
    const std::uint32_t end = next_item(begin, begin + 1);
    std::size_t depth = 0;
    for (std::uint32_t at = begin; at < end;) {
        const char c = text_[at];
        if (c == '"') {
            at = skip_string(at);
            continue;
        }
        if (c == '#') {
            at = skip_line(at);
            continue;
        }
        if (opens(c)) ++depth;
        if (closes(c) && depth > 0) --depth;
        if (depth > kMaxNesting) {
            diagnostics_.add({.code = Code::E501,
                              .span = span(at, at + 1),
                              .message = fmt::format("nested more than {} levels deep", kMaxNesting),
                              .help = "give the inner condition a name: `let NAME = CONDITION`"});
            return true;
        }
        ++at;
    }
    return false;
}

bool Scan::at_item_keyword(std::uint32_t at) const {
    std::size_t end = at;
    while (end < text_.size() && is_word(text_[end])) ++end;
    return begins_item(text_.substr(at, end - at));
}

// A name follows the keyword of its item; the keyword may be misspelt or missing, and so the first two words count, and
// the word after each keyword of a line that was skipped, too.
void Scan::lose(std::uint32_t begin, std::uint32_t end, ast::Policy& policy) const {
    constexpr std::size_t kFirst = 2;
    policy.lost_items = true;
    std::size_t words = 0;
    bool declares = false;
    for (std::uint32_t at = begin; at < end;) {
        if (text_[at] == '"') {
            at = skip_string(at);
        } else if (text_[at] == '#') {
            at = skip_line(at);
        } else if (!is_word(text_[at])) {
            ++at;
        } else {
            const bool keyword = (at == begin || starts_line(at)) && at_item_keyword(at);
            std::uint32_t word_end = at;
            while (word_end < end && is_word(text_[word_end])) ++word_end;
            std::string word(text_.substr(at, word_end - at));
            if (keyword && word == "import") policy.lost_all = true;
            if (word.ends_with(':')) word.pop_back();  // set blocked: ip
            if (declares || words < kFirst) policy.lost_names.push_back(std::move(word));
            declares = keyword;
            ++words;
            at = word_end;
        }
    }
    if (starts(begin, "imp") || starts(begin, "incl")) policy.lost_all = true;  // misspelt
    // The text goes on where a let seemed to end: what was read of it is not what was written.
    auto* let = policy.items.empty() ? nullptr : std::get_if<ast::Let>(&policy.items.back());
    if (let == nullptr || starts_line(begin) ||
        text_.substr(let->span.end, begin - let->span.end).find('\n') != std::string_view::npos)
        return;
    policy.lost_names.push_back(let->name.text);
    policy.items.pop_back();
}

// An item begins at a keyword that is the first thing of its line: at column 1, or where all braces are closed.
std::uint32_t Scan::next_item(std::uint32_t begin, std::uint32_t at) const {
    int depth = 0;
    bool line_start = false;
    std::uint32_t column = 1;
    for (std::uint32_t i = begin; i < text_.size();) {
        const char c = text_[i];
        if (c == '\n') {
            line_start = true;
            column = 1;
            ++i;
            continue;
        }
        if (line_start && !is_space(c)) {
            if (i >= at && (depth <= 0 || column == 1) && at_item_keyword(i)) return i;
            line_start = false;
        }
        if (c == '"') {
            i = skip_string(i);
            continue;
        }
        if (c == '#') {
            i = skip_line(i);
            continue;
        }
        if (c == '{') ++depth;
        if (c == '}') --depth;
        ++i;
        ++column;
    }
    return static_cast<std::uint32_t>(text_.size());
}

}  // namespace weir
