// Tested by tests/unit/tooling/import_words_test.cpp.
#include "tooling/import/words.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include <fmt/format.h>

#include "compiler/packet/value_names.h"
#include "grammar/base/printable.h"
#include "grammar/parser.h"
#include "grammar/reserved.h"

namespace weir::tooling::imports {
namespace {

// First words of fields: no lets or sets may have them.
bool begins_field(std::string_view word) {
    const auto fields = packet::fields();
    return std::any_of(fields.begin(), fields.end(),
                       [&](const packet::Field& field) { return field.name.substr(0, field.name.find('.')) == word; });
}

std::string cut(std::string text, std::size_t limit_bytes) {
    if (text.size() <= limit_bytes) return text;
    while (limit_bytes > 0 && (static_cast<unsigned char>(text[limit_bytes]) & 0xc0) == 0x80) --limit_bytes;
    text.resize(limit_bytes);
    return text + "…";
}

bool is_word_of_language(std::string_view name) {
    return find_reserved(name) != nullptr || begins_field(name) || begins_item(name) || name == "egress" ||
           name == "rate" || name == "byterate" || name == "count" || name == "distinct" || name == "share" ||
           name == "surge" || name == "len";
}

}  // namespace

std::string Names::make(std::string_view near) {
    std::string name;
    for (const char c : near.substr(0, kMaxNameBytes - 8)) {
        const auto byte = static_cast<unsigned char>(c);
        const char next = byte < 0x80 && std::isalnum(byte) != 0 ? static_cast<char>(std::tolower(byte)) : '_';
        if (next != '_' || (!name.empty() && name.back() != '_')) name += next;
    }
    while (!name.empty() && name.back() == '_') name.pop_back();
    if (name.empty()) name = "unnamed";
    if (std::isdigit(static_cast<unsigned char>(name.front())) != 0) name.insert(0, "n");
    if (is_word_of_language(name)) name += "_1";
    std::string free = name;
    while (!taken_.insert(free).second)
        free = fmt::format("{}_{}", name, ++last_number_.try_emplace(name, 1).first->second);
    return free;
}

bool is_policy_name(std::string_view text) {
    const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
    return !text.empty() && text.size() <= kMaxNameBytes && is_letter(text.front()) &&
           std::all_of(text.begin(), text.end(), [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); }) &&
           find_reserved(text) == nullptr;
}

std::string string_literal(std::string_view text, std::size_t limit_bytes) {
    std::string out = "\"";
    for (const char c : cut(printable(text), limit_bytes)) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

std::string one_line(std::string_view text, std::size_t limit_bytes) { return cut(printable(text), limit_bytes); }

std::optional<std::uint64_t> parse_number(std::string_view text) {
    int base = 10;
    if (text.starts_with("0x") || text.starts_with("0X")) {
        base = 16;
        text.remove_prefix(2);
    }
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::optional<std::pair<std::uint64_t, std::uint64_t>> parse_span(std::string_view text, char separator,
                                                                  std::uint64_t largest) {
    const std::size_t at = text.find(separator);
    if (at == std::string_view::npos) {
        const auto one = parse_number(text);
        if (!one || *one > largest) return std::nullopt;
        return std::pair(*one, *one);
    }
    const std::string_view low = text.substr(0, at), high = text.substr(at + 1);
    const auto first = low.empty() ? std::optional<std::uint64_t>(0) : parse_number(low);
    const auto last = high.empty() ? std::optional<std::uint64_t>(largest) : parse_number(high);
    if (!first || !last || *first > *last || *last > largest) return std::nullopt;
    return std::pair(*first, *last);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (std::size_t begin = 0;;) {
        const std::size_t end = std::min(text.find(separator, begin), text.size());
        parts.push_back(text.substr(begin, end - begin));
        if (end == text.size()) return parts;
        begin = end + 1;
    }
}

std::string value_text(packet::FieldId field, std::uint64_t value) {
    for (const packet::ValueName& one : packet::value_names(field))
        if (one.value == value) return std::string(one.name);
    return fmt::format("{}", value);
}

std::string span_text(packet::FieldId field, std::pair<std::uint64_t, std::uint64_t> span) {
    return span.first == span.second ? value_text(field, span.first) : fmt::format("{}..{}", span.first, span.second);
}

std::string among(std::string_view field, const std::vector<std::string>& elements, Sense sense) {
    const bool is = sense == Sense::kIs;
    if (elements.size() == 1) {
        const std::string& one = elements.front();
        const bool is_many = one.find("..") != std::string::npos || one.find('/') != std::string::npos;
        return fmt::format("{} {} {}", field, is_many ? (is ? "in" : "not in") : (is ? "==" : "!="), one);
    }
    return fmt::format("{} {} {{ {} }}", field, is ? "in" : "not in", fmt::join(elements, ", "));
}

std::string within(std::string_view field, packet::FieldId id, std::pair<std::uint64_t, std::uint64_t> span,
                   Sense sense) {
    return among(field, {span_text(id, span)}, sense);
}

std::optional<std::string> address_text(std::string_view text) {
    const std::string whole(text);
    if (const std::size_t dash = whole.find('-'); dash != std::string::npos) {
        const auto first = parse_ip(whole.substr(0, dash)), last = parse_ip(whole.substr(dash + 1));
        if (!first || !last || first->version != last->version || *last < *first) return std::nullopt;
        if (*first == *last) return to_string(*first);
        return to_string(*first) + ".." + to_string(*last);
    }
    if (const auto address = parse_ip(whole)) return to_string(*address);
    const auto prefix = parse_prefix(whole);
    if (!prefix) return std::nullopt;
    if (prefix->length == (prefix->address.version == 4 ? 32 : 128)) return to_string(prefix->address);
    return to_string(network(*prefix));
}

std::optional<int> address_version(std::string_view text) {
    const std::string first(text.substr(0, text.find_first_of("/-.")));
    if (text.find(':') != std::string_view::npos) return 6;
    if (parse_number(first)) return 4;
    return std::nullopt;
}

std::optional<std::string> rate_text(std::string_view count, std::string_view unit) {
    const auto number = parse_number(count);
    if (!number || *number == 0 || unit.empty()) return std::nullopt;
    static constexpr std::pair<std::string_view, std::string_view> kUnits[] = {
        {"second", "s"}, {"minute", "min"}, {"hour", "h"}, {"day", "d"}};
    for (const auto& [word, ours] : kUnits)
        if (word.starts_with(unit)) return fmt::format("{}/{}", *number, ours);
    return std::nullopt;
}

std::string seconds_text(std::uint64_t seconds) { return fmt::format("{}s", seconds); }

}  // namespace weir::tooling::imports
