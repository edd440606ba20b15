#include "grammar/scan.h"

#include <algorithm>

#include <fmt/format.h>

namespace weir {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";  // some editors begin a UTF-8 file with it
constexpr std::string_view kItemWords[] = {"policy",    "import", "let",   "set",  "default",
                                           "malformed", "rule",   "alert", "sink", "test"};

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f'; }
bool opens(char c) { return c == '(' || c == '[' || c == '{'; }
bool closes(char c) { return c == ')' || c == ']' || c == '}'; }
bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == ':' || c == '/';
}

// Bytes of the UTF-8 sequence at the start of `text`, or 0 where there is none (RFC 3629).
std::size_t utf8_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    if (first < 0x80) return 1;
    std::size_t length = 0;
    unsigned low = 0x80, high = 0xbf;
    if (first >= 0xc2 && first <= 0xdf)
        length = 2;
    else if (first >= 0xe0 && first <= 0xef)
        length = 3;
    else if (first >= 0xf0 && first <= 0xf4)
        length = 4;
    if (length == 0 || text.size() < length) return 0;
    if (first == 0xe0) low = 0xa0;
    if (first == 0xed) high = 0x9f;
    if (first == 0xf0) low = 0x90;
    if (first == 0xf4) high = 0x8f;
    if (byte(1) < low || byte(1) > high) return 0;
    for (std::size_t i = 2; i < length; ++i)
        if (byte(i) < 0x80 || byte(i) > 0xbf) return 0;
    return length;
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
    for (std::size_t at = 0; at < text_.size();) {
        const std::size_t length = utf8_length(text_.substr(at));
        if (length == 0 || text_[at] == '\0') {
            const auto begin = static_cast<std::uint32_t>(at);
            diagnostics_.add(
                {.code = Code::E106,
                 .span = span(begin, begin + 1),
                 .message = fmt::format("byte 0x{:02x} is not UTF-8 text", static_cast<unsigned char>(text_[at])),
                 .help = "save the file as UTF-8; write other bytes in strings as \\xHH"});
            return false;
        }
        at += length;
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
    if (at == 0 && starts(0, kByteOrderMark)) at = kByteOrderMark.size();
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
    for (const std::string_view word : kItemWords) {
        if (!starts(at, word)) continue;
        const std::size_t end = at + word.size();
        if (end == text_.size() || !is_word(text_[end])) return true;
    }
    return false;
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
