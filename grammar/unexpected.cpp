// Text that the grammar did not expect: the message, and a fix for common mistakes.
// Tested by tests/unit/grammar/errors_test.cpp with `E1`.
#include <algorithm>
#include <array>
#include <vector>

#include <fmt/format.h>

#include "grammar/base/nearest.h"
#include "grammar/literal.h"
#include "grammar/mistakes.h"
#include "grammar/reserved.h"
#include "grammar/scan.h"

namespace weir {
namespace {

bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == ':' || c == '/';
}
bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string lower(std::string_view text) {
    std::string small(text);
    for (char& c : small)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return small;
}
bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }
template <std::size_t N>
bool is_one_of(const std::string_view (&words)[N], std::string_view word) {
    return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

// Operators of other languages; a longer operator comes before its own prefix.
struct Foreign {
    std::string_view text;
    std::string_view ours;
};
constexpr Foreign kForeign[] = {{"&&", "and"}, {"||", "or"}, {"!", "not "}, {"===", "=="},
                                {"=", "=="},   {"≥", ">="},  {"≤", "<="},   {"≠", "!="}};

constexpr std::string_view kActions[] = {"pass", "drop", "reject", "redirect", "alert", "add", "remove", "capture"};

// Sentences after which an equals sign is not a comparison.
constexpr std::string_view kNoComparison[] = {"a condition", "verdict", "`:`",      "`=>`",
                                              "`{`",         "a name",  "a string", "`(`"};

// The words of the sentence that are words of the language.
std::vector<std::string_view> words_of(std::string_view sentence) {
    constexpr std::string_view kOrdinary[] = {
        "expected",   "an",   "a",    "action", "condition", "verdict", "value", "field",   "after",      "the",
        "comparison", "name", "type", "end",    "of",        "and",     "an",    "outcome", "destination"};
    std::vector<std::string_view> words;
    for (std::size_t at = 0; at < sentence.size();) {
        std::size_t end = at;
        while (end < sentence.size() && ((sentence[end] >= 'a' && sentence[end] <= 'z') || sentence[end] == '_')) ++end;
        const std::string_view word = sentence.substr(at, end - at);
        if (!word.empty() && !is_one_of(kOrdinary, word)) words.push_back(word);
        at = std::max(end, at + 1);
    }
    return words;
}

}  // namespace

bool Scan::broken_string(std::uint32_t at, const std::string& expected) {
    if (expected != "expected `\"` before the end of the line") return false;
    const bool escape = at < text_.size() && text_[at] == '\\';
    diagnostics_.add({.code = Code::E102,
                      .span = span(at, std::min(at + 1, static_cast<std::uint32_t>(text_.size()))),
                      .message = escape ? "the string ends in `\\`" : "unterminated string",
                      .label = "`\"` is missing",
                      .help = "close it with `\"`; write a line end as `\\n`"});
    return true;
}

// block-telnet: the grammar reads a name up to the dash.
bool Scan::broken_name(std::uint32_t at, const std::string& expected) {
    const bool after_name = contains(expected, "`{`") || contains(expected, "`=`") || contains(expected, "`:`");
    if (!after_name || text_[at] != '-' || at == 0 || !is_word(text_[at - 1])) return false;
    std::uint32_t begin = at, end = at;
    while (begin > 0 && is_word(text_[begin - 1])) --begin;
    while (end < text_.size() && (is_word(text_[end]) || text_[end] == '-')) ++end;
    const std::string_view written = text_.substr(begin, end - begin);
    std::string ours = lower(written);
    std::replace(ours.begin(), ours.end(), '-', '_');
    Diagnostic said{.code = Code::E105,
                    .span = span(begin, end),
                    .message = fmt::format("`{}` is not a name", written),
                    .label = "a `-` in a name",
                    .help = "a name consists of a-z, 0-9 and _, and does not start with a digit"};
    if (is_name(ours)) said.fix = Fix{said.span, ours};
    diagnostics_.add(std::move(said));
    return true;
}

bool Scan::foreign_operator(std::uint32_t at, const std::string& expected) {
    if (starts(at, "=>") || starts(at, "!=") || (starts(at, "==") && !starts(at, "==="))) return false;  // ours
    for (const Foreign& foreign : kForeign) {
        if (!starts(at, foreign.text)) continue;
        const bool compares = std::none_of(std::begin(kNoComparison), std::end(kNoComparison),
                                           [&](std::string_view part) { return contains(expected, part); });
        if (foreign.ours == "==" && !compares) return false;
        const std::uint32_t end = at + static_cast<std::uint32_t>(foreign.text.size());
        std::string replacement(foreign.ours);  // keep a space between words
        if (is_word(foreign.ours.front()) && at > 0 && is_word(text_[at - 1])) replacement.insert(0, " ");
        if (is_word(replacement.back()) && end < text_.size() && is_word(text_[end])) replacement += ' ';
        diagnostics_.add({.code = Code::E104,
                          .span = span(at, end),
                          .message = fmt::format("`{}` is not an operator here", foreign.text),
                          .label = "another language's operator",
                          .fix = Fix{span(at, end), std::move(replacement)}});
        return true;
    }
    return false;
}

// 'abc' and “abc”
bool Scan::quoted_otherwise(Diagnostic& said, std::uint32_t at) const {
    constexpr std::pair<std::string_view, std::string_view> kQuotes[] = {
        {"“", "”"}, {"„", "“"}, {"‘", "’"}, {"'", "'"}, {"”", "”"}};
    for (const auto& [open, close] : kQuotes) {
        if (!starts(at, open)) continue;
        said.help = "write strings in plain double quotes: \"…\"";
        const std::size_t inside = at + open.size(), end = text_.find(close, inside);
        const std::string_view text = text_.substr(inside, end == std::string_view::npos ? 0 : end - inside);
        if (end == std::string_view::npos || text.find_first_of("\"\\\n") != std::string_view::npos) return true;
        said.span = span(at, static_cast<std::uint32_t>(end + close.size()));
        said.fix = Fix{said.span, fmt::format("\"{}\"", text)};
        return true;
    }
    return false;
}

// A missing `then`, comma, brace or quote.
bool Scan::skipped(Diagnostic& said, std::string_view found, const std::string& expected) const {
    const std::uint32_t at = said.span.begin;
    std::uint32_t before = at;
    while (before > 0 && is_space(text_[before - 1])) --before;
    if (contains(expected, "`then`") && is_one_of(kActions, found)) {
        said.label = "`then` is missing before it";
        said.fix = Fix{span(at, at), "then "};
        return true;
    }
    if (contains(expected, "`,` and an action") && is_one_of(kActions, found)) {
        said.label = "a comma is missing before it";
        const std::size_t line = text_.rfind('\n', before == 0 ? 0 : before - 1);
        const bool comment = contains(text_.substr(line == std::string_view::npos ? 0 : line,
                                                   before - (line == std::string_view::npos ? 0 : line)),
                                      "#");
        if (!comment) said.fix = Fix{span(before, before), ","};
        return true;
    }
    if (contains(expected, "`,` and an action") && found == ";") {
        const std::size_t next = text_.find_first_not_of(" \t\r\n", at + 1);
        const bool last = next != std::string_view::npos && text_[next] == '}';
        said.help = "separate actions with commas; `;` is not used";
        said.fix = Fix{said.span, last ? "" : ","};
        return true;
    }
    if (contains(expected, "a string") && ends_clause(said.span.end)) {
        if (std::all_of(found.begin(), found.end(), is_word)) said.fix = Fix{said.span, fmt::format("\"{}\"", found)};
        return true;
    }
    const bool value = is_digit(found[0]) || (contains(found, ".") && is_path(found));
    if (contains(expected, "`then`") && value) {
        said.help = "write an operator between a field and a value: `tcp.dport == 22`, `ip.src in 10.0.0.0/8`";
        return true;
    }
    if (contains(expected, "`then`") && !contains(expected, "`policy`") &&
        (found[0] == '<' || found[0] == '>' || found == "==" || found == "!=")) {
        said.help = "comparisons do not chain: join two with `and`, or write a range: `tcp.dport in 1000..2000`";
        return true;
    }
    return false;
}

bool Scan::known_mistake(Diagnostic& said, std::string_view found, const std::string& expected) const {
    const bool action = expected.starts_with("expected an action");
    const std::string word =
        lower(found.ends_with(':') && found.size() > 1 ? found.substr(0, found.size() - 1) : found);
    const std::uint32_t next = skip_space(said.span.end);
    if (found == "=" && contains(expected, "`:` and a type") && next < text_.size() && text_[next] == '{') {
        said.help = "a set has a type: `set NAME : ip = { … }`; a name for values is a let: `let NAME = { … }`";
        return true;
    }
    for (const Mistake& mistake : mistakes()) {
        bool place = contains(expected, mistake.expected);
        if (mistake.expected == "an action") place = action;
        if (mistake.expected == "verdict") place = action || contains(expected, "a verdict");
        if (!place || (!mistake.found.empty() && word != mistake.found)) continue;
        said.help = mistake.help;
        if (mistake.replacement != nullptr) said.fix = Fix{said.span, mistake.replacement};
        return true;
    }
    const bool in_name = contains(expected, "a name") || contains(expected, "`{`") || contains(expected, "`=`");
    if (in_name && static_cast<unsigned char>(found[0]) >= 0x80)
        said.help = "a name consists of a-z, 0-9 and _, and does not start with a digit";
    return !said.help.empty();
}

// Misspelt, in capitals, or with a colon at its end.
bool Scan::misspelt(Diagnostic& said, std::string_view found, const std::string& expected) const {
    std::string written = lower(found);
    if (written.ends_with(':')) written.pop_back();
    const std::vector<std::string_view> words = words_of(expected);
    std::string near = nearest_word(words, written);
    if (near.empty() || begins_item(found)) return false;
    said.fix = Fix{said.span, std::move(near)};
    return true;
}

void Scan::unexpected(std::uint32_t begin, std::uint32_t at, const std::string& expected) {
    if (broken_string(at, expected)) return;
    const auto size = static_cast<std::uint32_t>(text_.size());
    Diagnostic said{.code = Code::E101, .span = span(size, size), .message = expected + ", found the end of the file"};
    const bool unclosed = contains(expected, "`}`") && (at >= size || at_item_keyword(at)) && begin < at;
    if (unclosed) {
        std::uint32_t end = begin;
        while (end < at && text_[end] != '\n' && text_[end] != '{') ++end;
        while (end > begin && is_space(text_[end - 1])) --end;
        said.notes.push_back({span(begin, end), "this is not closed"});
    }
    if (at >= size) {
        said.label = "here";
        diagnostics_.add(std::move(said));
        return;
    }
    if (broken_name(at, expected) || foreign_operator(at, expected)) return;
    std::uint32_t end = at;
    while (end < size && is_word(text_[end])) ++end;
    if (starts(at, "//") || starts(at, "/*") || starts(at, "--")) end = at + 2;
    if (starts(at, "<=") || starts(at, ">=")) end = at + 2;
    if (starts(at, "->") || starts(at, "=>") || starts(at, "==") || starts(at, "!=")) end = at + 2;
    while (end == at || (end < size && (static_cast<unsigned char>(text_[end]) & 0xc0) == 0x80)) ++end;
    const std::string_view found = text_.substr(at, end - at);
    said.span = span(at, end);
    said.message = fmt::format("{}, found `{}`", expected, found);
    said.label = "not expected here";
    const std::string place = place_of(at, expected);
    const bool closes_late = unclosed && at_item_keyword(at) && starts_line(at);
    if (closes_late)
        said.help = "close it with `}`";
    else if (!quoted_otherwise(said, at) && !idiom(said, found, place) && !skipped(said, found, place) &&
             !known_mistake(said, found, place))
        misspelt(said, found, expected);
    diagnostics_.add(std::move(said));
}

}  // namespace weir
