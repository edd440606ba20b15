// Tested by tests/unit/tooling/mutation_test.cpp with `mutants`.
#include "tooling/judge/mutant_text.h"

#include <algorithm>

#include <fmt/format.h>

#include "compiler/policy/set_element.h"

namespace weir::tooling {
namespace {

bool is_word(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.'; }

}  // namespace

std::string shown(std::string_view text) {
    constexpr std::size_t kMost = 60;
    std::string out;
    for (const char c : text) {
        const bool is_space = c == ' ' || c == '\n' || c == '\t' || c == '\r';
        if (!is_space)
            out += c;
        else if (!out.empty() && out.back() != ' ')
            out += ' ';
    }
    if (out.size() <= kMost) return out;
    out.resize(kMost);
    while (!out.empty() && (static_cast<unsigned char>(out.back()) & 0xc0) == 0x80) out.pop_back();
    return out + "…";
}

Span word_of(const Sources& sources, Span span, std::string_view word) {
    const std::string_view text = sources.text(span);
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '#') {
            at = std::min(text.find('\n', at), text.size());
        } else if (text[at] == '"') {
            for (++at; at < text.size() && text[at] != '"'; ++at)
                if (text[at] == '\\') ++at;
        } else if (is_word(text[at])) {
            const std::size_t begin = at;
            while (at < text.size() && is_word(text[at])) ++at;
            const auto place = span.begin + static_cast<std::uint32_t>(begin);
            if (text.substr(begin, at - begin) == word)
                return {span.file, place, place + static_cast<std::uint32_t>(word.size())};
            --at;
        }
    }
    return span;
}

Span item_of(const Sources& sources, std::uint32_t file, std::string_view word) {
    const std::string_view text = sources.text(file);
    for (std::size_t at = 0; at < text.size(); at = std::min(text.find('\n', at), text.size() - 1) + 1) {
        const std::string_view line = text.substr(at, text.find('\n', at) - at);
        if (!line.starts_with(word) || line.size() == word.size() || line[word.size()] != ' ') continue;
        return {file, static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(at + word.size())};
    }
    return {};
}

std::string entry_text(const policy::Set& set, std::size_t entry) {
    if (policy::has_names(set.types)) return fmt::format("`{}`", set.entries.names()[entry]);
    std::string text;
    const std::vector<policy::SetElement> elements = set.entries.entry(entry);
    for (std::size_t i = 0; i < elements.size(); ++i) {
        text += i == 0 ? "" : ", ";
        if (set.types[i] == policy::SetType::kIp)
            text += to_string(elements[i].address);
        else if (set.types[i] == policy::SetType::kNet)
            text += to_string(IpPrefix{elements[i].address, elements[i].prefix_length});
        else if (set.types[i] == policy::SetType::kMac)
            text += fmt::format("{:012x}", elements[i].number);
        else
            text += std::to_string(elements[i].number);
    }
    return elements.size() > 1 ? "(" + text + ")" : text;
}

policy::SetEntries without_entry(const policy::Set& set, std::size_t entry) {
    policy::SetEntries left;
    for (std::size_t i = 0; i < set.entries.size(); ++i) {
        if (i == entry) continue;
        if (policy::has_names(set.types))
            left.add_name(set.entries.names()[i]);
        else
            left.add(set.types, set.entries.entry(i));
    }
    left.sort();
    return left;
}

}  // namespace weir::tooling
