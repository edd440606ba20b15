// Idioms of other languages that take several words to recognise: `tcp dport 22`, `8000-8099`, `10.0.*.*`, …
// A fix is given only where it has the meaning that was written.
// Tested by tests/golden/mistakes_test.cpp with `mistakes`.
#include <algorithm>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "grammar/literal.h"
#include "grammar/mistakes.h"
#include "grammar/reserved.h"
#include "grammar/scan.h"

namespace weir {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }
bool is_word(char c) { return is_letter(c) || is_digit(c) || c == '_' || c == '.' || c == ':' || c == '/'; }
bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (is_blank(text.front()) || text.front() == '\n')) text.remove_prefix(1);
    while (!text.empty() && (is_blank(text.back()) || text.back() == '\n')) text.remove_suffix(1);
    return text;
}
std::string lower(std::string_view text) {
    std::string small(text);
    for (char& c : small)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return small;
}
// An integer or an address: what may be an end of a range.
bool is_range_end(std::string_view text) {
    const auto value = parse_literal_quiet(text);
    return value && (std::holds_alternative<Integer>(*value) || std::holds_alternative<IpAddress>(*value));
}
bool is_several(std::string_view text) {
    const auto value = parse_literal_quiet(text);
    return value && (std::holds_alternative<IpPrefix>(*value) || std::holds_alternative<IpRange>(*value) ||
                     std::holds_alternative<IntegerRange>(*value) || std::holds_alternative<MacPrefix>(*value));
}
// The range of both, where it is one.
std::optional<std::string> range_of(std::string_view first, std::string_view last) {
    std::string range = fmt::format("{}..{}", first, last);
    if (!is_range_end(first) || !is_range_end(last) || !parse_literal_quiet(range)) return std::nullopt;
    return range;
}

}  // namespace

Scan::Word Scan::word_before(std::uint32_t at) const {
    std::uint32_t end = at;
    while (end > 0 && is_blank(text_[end - 1])) --end;
    std::uint32_t begin = end;
    while (begin > 0 && is_word(text_[begin - 1])) --begin;
    return {begin, end, text_.substr(begin, end - begin)};
}

Scan::Word Scan::word_after(std::uint32_t at) const {
    std::uint32_t begin = at;
    while (begin < text_.size() && is_blank(text_[begin])) ++begin;
    std::uint32_t end = begin;
    while (end < text_.size() && is_word(text_[end])) ++end;
    return {begin, end, text_.substr(begin, end - begin)};
}

bool Scan::starts_line(std::uint32_t at) const {
    while (at > 0 && is_blank(text_[at - 1])) --at;
    return at == 0 || text_[at - 1] == '\n';
}

std::string Scan::place_of(std::uint32_t at, const std::string& expected) const {
    const bool after_let = expected.starts_with("expected `policy`") && !starts_line(at);
    return after_let || expected == "expected `)`" ? expected + " `then`" : expected;
}

bool Scan::ends_clause(std::uint32_t end) const {
    const Word next = word_after(end);
    if (!next.text.empty()) {
        constexpr std::string_view kClauses[] = {"severity", "message", "throttle", "to",      "escalate", "respond",
                                                 "when",     "size",    "ttl",      "observe", "then"};
        return std::find(std::begin(kClauses), std::end(kClauses), next.text) != std::end(kClauses);
    }
    return next.begin >= text_.size() || contains("\n}),#", text_.substr(next.begin, 1));
}

bool Scan::idiom(Diagnostic& said, std::string_view found, const std::string& place) const {
    return split_field(said, found, place) || dashed(said, found, place) || wildcard_address(said, found, place) ||
           block_comment(said, found, place) || enclosed(said, found, place) || rate_in_words(said, found, place) ||
           between(said, found, place) || dollar_name(said, found, place) || left_out(said, found, place) ||
           content(said, found, place);
}

// tcp dport 22, tcp dport { 22, 80 }, ip saddr != 10.0.0.0/8
bool Scan::split_field(Diagnostic& said, std::string_view found, const std::string& place) const {
    if (!contains(place, "`then`")) return false;
    const Word before = word_before(said.span.begin);
    const SplitField* row = find_split_field(before.text, found);
    if (row == nullptr) return false;
    said.message = fmt::format("`{} {}` is not a field", row->first, row->second);
    said.label = "not expected here";
    said.help = row->ours.empty() ? std::string(row->help) : fmt::format("a field is one word: `{}`", row->ours);
    if (row->ours.empty()) return true;
    const Word next = word_after(said.span.end);
    const char sign = next.begin < text_.size() ? text_[next.begin] : '\n';
    const bool negated = sign == '!' || next.text == "not";
    const bool compared = contains("=!<>", std::string_view(&sign, 1)) || next.text == "in" || negated;
    if (row->fit != SplitField::Fit::kSame && (row->fit == SplitField::Fit::kNear || negated)) {
        said.help += fmt::format("; {}", row->help);
        return true;
    }
    std::string ours(row->ours);
    const bool dash = next.end < text_.size() && text_[next.end] == '-' && is_range_end(next.text);
    if (sign == '{' || is_several(next.text) || dash)
        ours += " in";
    else if (!compared && (sign == '"' || !next.text.empty()))
        ours += " ==";
    else if (!compared)
        return true;
    said.span = span(before.begin, said.span.end);
    said.fix = Fix{said.span, std::move(ours)};
    return true;
}

// 8000-8099, 10.0.0.1-10.0.0.9, 02-00-00-00-00-01, echo-request
bool Scan::dashed(Diagnostic& said, std::string_view found, const std::string& place) const {
    const bool after_value = contains(place, "`then`") || contains(place, "`}`") || contains(place, "`,`");
    if (!after_value || (found != "-" && found != "–")) return false;
    const Word before = word_before(said.span.begin), after = word_after(said.span.end);
    std::uint32_t begin = said.span.begin, end = said.span.end;
    while (begin > 0 && (is_hex(text_[begin - 1]) || text_[begin - 1] == '-')) --begin;
    while (end < text_.size() && (is_hex(text_[end]) || text_[end] == '-')) ++end;
    std::string mac(text_.substr(begin, end - begin));
    std::replace(mac.begin(), mac.end(), '-', ':');
    const bool is_one_word = before.end == said.span.begin && after.begin == said.span.end && !after.text.empty();
    if (parse_mac(mac)) {
        said.span = span(begin, end);
        said.help = "write a MAC address with colons";
        said.fix = Fix{said.span, std::move(mac)};
    } else if (auto range = range_of(before.text, after.text)) {
        said.span = span(before.begin, after.end);
        said.help = "write a range with two dots";
        said.fix = Fix{said.span, std::move(*range)};
    } else if (is_one_word && is_name(before.text) && is_name(after.text)) {
        said.span = span(before.begin, after.end);
        said.help = "a name consists of a-z, 0-9 and _";
        said.fix = Fix{said.span, fmt::format("{}_{}", before.text, after.text)};
    } else {
        return false;
    }
    said.label = "not expected here";
    return true;
}

// 10.0.*.*
bool Scan::wildcard_address(Diagnostic& said, std::string_view found, const std::string&) const {
    if (found != "*" || said.span.begin == 0 || text_[said.span.begin - 1] != '.') return false;
    std::uint32_t begin = said.span.begin, end = said.span.end;
    while (begin > 0 && (is_digit(text_[begin - 1]) || text_[begin - 1] == '.')) --begin;
    while (end < text_.size() && (text_[end] == '*' || text_[end] == '.')) ++end;
    std::string network(text_.substr(begin, end - begin));
    const auto stars = static_cast<std::size_t>(std::count(network.begin(), network.end(), '*'));
    std::replace(network.begin(), network.end(), '*', '0');
    said.help = "write a prefix: `10.0.0.0/16`";
    if (stars > 3 || !parse_ip(network)) return true;
    said.span = span(begin, end);
    said.fix = Fix{said.span, fmt::format("{}/{}", network, 32 - 8 * stars)};
    return true;
}

// /* … */: each of its lines becomes a comment, if nothing follows on the last.
bool Scan::block_comment(Diagnostic& said, std::string_view found, const std::string&) const {
    if (found != "/*") return false;
    const std::size_t end = text_.find("*/", said.span.end);
    if (end == std::string_view::npos) return false;
    const std::size_t rest = text_.find_first_not_of(" \t\r", end + 2);
    if (rest != std::string_view::npos && text_[rest] != '\n') return false;
    std::string_view left = text_.substr(said.span.end, end - said.span.end);
    std::string ours;
    for (bool more = true; more;) {
        const std::size_t line_end = left.find('\n');
        more = line_end != std::string_view::npos;
        std::string_view line = trimmed(left.substr(0, line_end));
        if (line.starts_with('*')) line = trimmed(line.substr(1));
        if (more) left.remove_prefix(line_end + 1);
        ours += fmt::format("#{}{}{}", line.empty() ? "" : " ", line, more ? "\n" : "");
    }
    said.help = "a comment starts with `#` and ends with its line";
    said.fix = Fix{span(said.span.begin, static_cast<std::uint32_t>(end + 2)), std::move(ours)};
    return true;
}

// [80, 443] and |47 45 54|, and the actions in `then { … }`
bool Scan::enclosed(Diagnostic& said, std::string_view found, const std::string& place) const {
    const bool actions = found == "{" && place.starts_with("expected an action");
    const char close = found == "[" ? ']' : found == "|" ? '|' : actions ? '}' : '\0';
    if (close == '\0') return false;
    const std::size_t end =
        text_.find_first_of(std::string{close, '\n', '"', '#', actions ? '{' : close}, said.span.end);
    const bool closed = end != std::string_view::npos && text_[end] == close;
    const std::string_view inside = closed ? trimmed(text_.substr(said.span.end, end - said.span.end)) : "";
    if (close == '|') {
        said.help = "write bytes as hex\"474554\"";
        std::size_t digits = 0;
        for (const char c : inside) digits += is_hex(c) ? 1 : is_blank(c) ? 0 : inside.size() * 2 + 1;
        if (digits == 0 || digits % 2 != 0 || digits > inside.size()) return true;
    } else if (inside.empty()) {
        return false;
    } else {
        said.help = close == ']' ? "write several values in braces: `{ 80, 443 }`"
                                 : "write a rule's actions after `then`, without braces";
    }
    said.span = span(said.span.begin, static_cast<std::uint32_t>(end + 1));
    said.fix = Fix{said.span, close == ']'   ? fmt::format("{{ {} }}", inside)
                              : close == '|' ? fmt::format("hex\"{}\"", inside)
                                             : std::string(inside)};
    return true;
}

// 10 per minute, 10 / min
bool Scan::rate_in_words(Diagnostic& said, std::string_view found, const std::string& place) const {
    if (!contains(place, "`then`") || (found != "per" && found != "/" && found != "every")) return false;
    const Word count = word_before(said.span.begin), unit = word_after(said.span.end);
    const std::string_view ours = rate_unit(unit.text);
    const auto value = parse_literal_quiet(count.text);
    if (ours.empty() || !value ||
        (!std::holds_alternative<Integer>(*value) && !std::holds_alternative<ByteSize>(*value)))
        return false;
    said.help = "write a rate as one word: `10/min`";
    said.span = span(count.begin, unit.end);
    said.fix = Fix{said.span, fmt::format("{}/{}", count.text, ours)};
    return true;
}

// tcp.dport between 1 and 5
bool Scan::between(Diagnostic& said, std::string_view found, const std::string& place) const {
    if (found != "between" || !contains(place, "`then`")) return false;
    const Word first = word_after(said.span.end), joined = word_after(first.end), last = word_after(joined.end);
    said.help = "write a range: `tcp.dport in 1000..2000`";
    if (joined.text != "and") return true;
    if (const auto range = range_of(first.text, last.text)) {
        said.span = span(said.span.begin, last.end);
        said.fix = Fix{said.span, fmt::format("in {}", *range)};
    }
    return true;
}

// $home, @blocklist
bool Scan::dollar_name(Diagnostic& said, std::string_view found, const std::string& place) const {
    const bool value = contains(place, "after the comparison") || contains(place, "an element") ||
                       contains(place, "a condition") || contains(place, "`}`");
    if (!value || (found != "$" && found != "@")) return false;
    const Word name = word_after(said.span.end);
    const std::string ours = lower(name.text);
    if (name.begin != said.span.end || !is_name(ours)) return false;
    said.span = span(said.span.begin, name.end);
    said.help = fmt::format("write the name of a let or a set alone, without `{}`", found);
    said.fix = Fix{said.span, ours};
    return true;
}

// What is missing before a word: a comma between values, `for` before a duration, `when` before a condition.
bool Scan::left_out(Diagnostic& said, std::string_view found, const std::string& place) const {
    const std::uint32_t at = said.span.begin;
    const Word before = word_before(at);
    if (place == "expected `}`") {
        const std::size_t open = text_.find_last_of("{}\"#\n", before.begin);
        const bool in_list = open != std::string_view::npos && text_[open] == '{' && !before.text.empty();
        if (!in_list || (!is_word(found[0]) && found != ";")) return false;
        if (found == ":") {
            said.help = "an entry has nothing beside it: write one rule for each";
            return true;
        }
        const std::size_t next = text_.find_first_not_of(" \t\r\n", said.span.end);
        const bool last = found == ";" && next != std::string_view::npos && text_[next] == '}';
        said.label = found == ";" ? "not expected here" : "a comma is missing before it";
        said.help = "values are separated by commas";
        said.fix = found == ";" ? Fix{said.span, last ? "" : ","} : Fix{span(before.end, before.end), ","};
        return true;
    }
    const auto value = parse_literal_quiet(found);
    if (contains(place, "`,` and an action") && value && std::holds_alternative<Duration>(*value) &&
        word_before(before.begin).text == "to") {
        said.label = "`for` is missing before it";
        said.fix = Fix{span(at, at), "for "};
        return true;
    }
    const Word after = word_after(said.span.end);
    const bool compared = after.begin < text_.size() && contains("=!<>", text_.substr(after.begin, 1));
    constexpr std::string_view kJoins[] = {"then", "and", "or", "in", "not"};
    const bool joined = std::find(std::begin(kJoins), std::end(kJoins), after.text) != std::end(kJoins);
    if (contains(place, "`when`") && is_path(found) && find_reserved(found) == nullptr && (compared || joined)) {
        said.label = "`when` is missing before it";
        said.fix = Fix{span(at, at), "when "};
        return true;
    }
    return false;
}

// content "evil"
bool Scan::content(Diagnostic& said, std::string_view found, const std::string& place) const {
    const std::string_view before = word_before(said.span.begin).text;
    if (found != "\"" || !contains(place, "`then`") || (before != "content" && before != "content:")) return false;
    said.help = "write `payload contains \"…\"`: it looks at the first 512 bytes of payload";
    return true;
}

}  // namespace weir
