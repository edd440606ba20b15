// Tested by tests/unit/tooling/import_suricata_test.cpp with `contents`.
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "tooling/import/suricata_rule.h"

namespace weir::tooling::imports {
namespace {

constexpr std::size_t kMostBytes = 64;  // of a literal that the payload is compared with
constexpr std::uint64_t kMostOffset = 1024;

struct Buffer {
    std::string_view name;
    std::string_view field;
    bool is_domain;
    std::string_view missing;
};

// clang-format off
constexpr Buffer kBuffers[] = {
    {"http.method", "http.method", false, ""}, {"http_method", "http.method", false, ""},
    {"http.uri.raw", "http.target", false, ""}, {"http_raw_uri", "http.target", false, ""},
    {"http.uri", "http.target", false, "the URI is compared as sent: nothing is decoded"}, {"http_uri", "http.target", false, "the URI is compared as sent: nothing is decoded"},
    {"http.host", "http.host", true, ""}, {"http_host", "http.host", true, ""},
    {"http.user_agent", "http.user_agent", false, ""}, {"http_user_agent", "http.user_agent", false, ""},
    {"dns.query", "dns.qname", true, ""}, {"dns_query", "dns.qname", true, ""},
    {"tls.sni", "tls.sni", true, ""}, {"tls_sni", "tls.sni", true, ""},
};
// clang-format on

const Buffer* buffer_of(std::string_view name) {
    const auto found =
        std::find_if(std::begin(kBuffers), std::end(kBuffers), [&](const Buffer& one) { return one.name == name; });
    return found == std::end(kBuffers) ? nullptr : found;
}

// "abc|0d 0a|" with `\"`, `\;`, `\\`.
std::optional<std::string> bytes_of(std::string_view text) {
    if (text.size() < 2 || text.front() != '"' || text.back() != '"') return std::nullopt;
    std::string bytes, hex;
    bool is_hex = false;
    for (std::size_t i = 1; i + 1 < text.size(); ++i) {
        const char c = text[i];
        if (c == '|') {
            is_hex = !is_hex;
            if (hex.size() % 2 != 0) return std::nullopt;
        } else if (is_hex) {
            if (c == ' ') continue;
            hex += c;
            if (hex.size() < 2) continue;
            const auto byte = parse_number("0x" + hex);
            if (!byte) return std::nullopt;
            bytes += static_cast<char>(*byte);
            hex.clear();
        } else if (c == '\\' && i + 2 < text.size()) {
            bytes += text[++i];
        } else {
            bytes += c;
        }
    }
    return is_hex || bytes.empty() ? std::nullopt : std::optional(bytes);
}

std::string literal_of(const std::string& bytes, bool as_bytes) {
    const bool is_plain = std::all_of(bytes.begin(), bytes.end(), [](char c) { return c >= ' ' && c <= '~'; });
    if (is_plain) return string_literal(bytes);
    std::string out = as_bytes ? "hex\"" : "\"";
    for (const char c : bytes) out += fmt::format("{}{:02x}", as_bytes ? "" : "\\x", static_cast<unsigned char>(c));
    return out + '"';
}

using Modifiers = std::map<std::string, std::string>;

// Those behind a content that belong to it.
Modifiers modifiers_of(const SuricataRule& rule, std::size_t& index) {
    static constexpr std::string_view kNames[] = {"nocase",   "depth",    "offset", "startswith",
                                                  "endswith", "distance", "within", "fast_pattern",
                                                  "rawbytes", "isdataat", "bsize",  "dotprefix"};
    Modifiers found;
    while (index + 1 < rule.options.size()) {
        const SuricataOption& next = rule.options[index + 1];
        const bool is_old_buffer = next.name.starts_with("http_") || next.name == "dns_query" || next.name == "tls_sni";
        if (!is_old_buffer && std::find(std::begin(kNames), std::end(kNames), next.name) == std::end(kNames)) break;
        found[is_old_buffer ? "buffer" : next.name] = is_old_buffer ? next.name : next.value;
        ++index;
    }
    return found;
}

void add_in_field(const Buffer& buffer, std::string bytes, const Modifiers& modifiers, bool is_negated,
                  Condition& when) {
    for (const char* name : {"depth", "offset", "distance", "within", "dotprefix"})
        if (modifiers.contains(name)) return when.unsaid.push_back(fmt::format("`{}` in `{}`", name, buffer.name));
    const bool has_case = !modifiers.contains("nocase");
    if (buffer.is_domain) {
        std::transform(bytes.begin(), bytes.end(), bytes.begin(),
                       [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        if (has_case && buffer.name != "http.host")
            when.narrowed.emplace_back("names are compared without regard to case");
    }
    if (!buffer.missing.empty()) when.narrowed.emplace_back(buffer.missing);
    const auto ends = modifiers.find("isdataat");
    if (ends != modifiers.end() && ends->second != "!1,relative")
        return when.unsaid.push_back("`isdataat` other than `!1,relative`");
    const auto size = modifiers.find("bsize");
    const bool is_whole_size = size != modifiers.end() && size->second == fmt::format("{}", bytes.size());
    if (size != modifiers.end() && !is_whole_size)
        return when.unsaid.push_back("`bsize` other than the size of the content");
    const bool at_start = modifiers.contains("startswith") || is_whole_size,
               at_end = modifiers.contains("endswith") || ends != modifiers.end() || is_whole_size;
    std::string word = at_start && at_end ? "==" : at_start ? "starts_with" : at_end ? "ends_with" : "contains";
    if (!buffer.is_domain && !has_case) {
        if (word == "==") return when.unsaid.push_back("a whole value without regard to case");
        word += " nocase";
    }
    if (buffer.is_domain && bytes.find('\0') != std::string::npos)
        return when.unsaid.push_back("a name with a zero byte");
    const std::string text = fmt::format("{} {} {}", buffer.field, word, literal_of(bytes, false));
    if (!is_negated) return when.add(text);
    when.add(word == "==" ? fmt::format("{} != {}", buffer.field, literal_of(bytes, false))
                          : fmt::format("{} and not {}", buffer.field.substr(0, buffer.field.find('.')), text),
             2);
}

void add_in_payload(const std::string& bytes, const Modifiers& modifiers, bool is_negated, Condition& when) {
    if (bytes.size() > kMostBytes) return when.unsaid.push_back("a content of more than 64 bytes");
    for (const char* name : {"distance", "within", "isdataat", "bsize", "dotprefix", "endswith"})
        if (modifiers.contains(name))
            return when.unsaid.push_back(fmt::format("`{}` of a content of the payload", name));
    const bool is_nocase = modifiers.contains("nocase");
    const auto number = [&](const char* name) {
        return modifiers.contains(name) ? parse_number(modifiers.at(name)) : std::nullopt;
    };
    const std::uint64_t offset = number("offset").value_or(0);
    const auto depth = number("depth");
    if ((modifiers.contains("depth") && !depth) || (modifiers.contains("offset") && !number("offset")))
        return when.unsaid.push_back("an offset or depth that is no number");
    const bool is_fixed = modifiers.contains("startswith") || (depth && *depth == bytes.size());
    if (is_fixed && !is_nocase && offset + bytes.size() <= kMostOffset) {
        if (is_negated) when.narrowed.emplace_back("payloads that are too short for the negated content do not match");
        return when.add(fmt::format("payload[{}:{}] {} {}", offset, bytes.size(),
                                    is_negated ? "!=" : "==", literal_of(bytes, true)));
    }
    if (is_negated)
        return when.unsaid.push_back("a negated content: only the first 512 bytes of a payload are searched");
    if (depth || offset != 0 || is_fixed) return when.unsaid.push_back("a content at one of several offsets");
    when.narrowed.emplace_back("a content is looked for in the first 512 bytes of one packet, not in the stream");
    when.add(fmt::format("payload contains {}{}", is_nocase ? "nocase " : "", literal_of(bytes, true)));
}

}  // namespace

bool is_suricata_buffer(std::string_view name) { return buffer_of(name) != nullptr; }

void add_suricata_content(const SuricataRule& rule, std::size_t& index, const std::string& buffer, Condition& when) {
    std::string value = rule.options[index].value;
    const bool is_negated = value.starts_with('!');
    if (is_negated) value.erase(0, 1);
    const auto bytes = bytes_of(value);
    Modifiers modifiers = modifiers_of(rule, index);
    if (!bytes) return when.unsaid.push_back("a content that cannot be read");
    const std::string name = modifiers.contains("buffer") ? modifiers["buffer"] : buffer;
    if (name.empty()) return add_in_payload(*bytes, modifiers, is_negated, when);
    const Buffer* found = buffer_of(name);
    if (found == nullptr) return when.unsaid.push_back(fmt::format("buffer `{}` cannot be said", one_line(name, 40)));
    add_in_field(*found, *bytes, modifiers, is_negated, when);
}

}  // namespace weir::tooling::imports
