// Tested by tests/unit/packet/http_reader_test.cpp with `http`.
#include "compiler/packet/http_reader.h"

#include <algorithm>
#include <string_view>
#include <vector>

namespace weir::packet {
namespace {

constexpr std::size_t kHeadBytes = 1024;   // of the payload; nothing behind them is looked at
constexpr std::size_t kTargetBytes = 512;  // that are read of a target
constexpr std::size_t kNameBytes = 255;
constexpr std::string_view kMethods[] = {"GET",     "HEAD",    "POST",  "PUT",  "DELETE",
                                         "CONNECT", "OPTIONS", "TRACE", "PATCH"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_blank(char c) { return c == ' ' || c == '\t'; }

// Lines that end in LF, without it and without one CR before it. What follows the last LF is none.
std::vector<std::string_view> ended_lines(std::string_view text) {
    std::vector<std::string_view> lines;
    for (std::size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
        std::string_view line = text.substr(0, end);
        if (line.ends_with('\r')) line.remove_suffix(1);
        lines.push_back(line);
        text.remove_prefix(end + 1);
    }
    return lines;
}

std::string_view without_blanks(std::string_view value) {
    while (!value.empty() && is_blank(value.front())) value.remove_prefix(1);
    while (!value.empty() && is_blank(value.back())) value.remove_suffix(1);
    return value;
}

// The value of the first of these header lines with this name, which is in lower case.
std::optional<std::string_view> header_value(const std::vector<std::string_view>& lines, std::string_view name) {
    for (const std::string_view line : lines) {
        const std::size_t colon = line.find(':');
        if (colon != std::string_view::npos && folded(line.substr(0, colon)) == name)
            return without_blanks(line.substr(colon + 1));
    }
    return std::nullopt;
}

void read_status(HttpHead& head, std::string_view payload) {
    constexpr std::size_t kAt = 9;  // behind "HTTP/1.1 "
    if (payload.size() < kAt + 3 || payload[kAt - 1] != ' ') return;
    const std::string_view digits = payload.substr(kAt, 3);
    if (!std::all_of(digits.begin(), digits.end(), is_digit)) return;
    const bool ends =
        payload.size() == kAt + 3 || payload[kAt + 3] == ' ' || payload[kAt + 3] == '\r' || payload[kAt + 3] == '\n';
    if (ends)
        head.status = static_cast<std::uint16_t>((digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0'));
}

// `looked_at`: the first 1,024 bytes of the payload; `at`: where the target begins. True where the target is whole.
bool read_target(HttpHead& head, std::string_view looked_at, std::size_t at) {
    const std::string_view rest = looked_at.substr(at);
    const std::size_t end = std::min(rest.find_first_of(" \r\n"), rest.size());
    const std::string_view target = rest.substr(0, std::min(end, kTargetBytes));
    head.target = std::string(target);
    head.path = std::string(target.substr(0, target.find('?')));
    return end < rest.size() && end <= kTargetBytes;
}

}  // namespace

std::optional<DomainName> host_name(std::string_view value) {
    // In brackets an address has colons of its own.
    const std::size_t bracket = value.starts_with('[') ? value.find(']') : 0;
    if (bracket == std::string_view::npos) return std::nullopt;
    const std::size_t colon = value.find(':', bracket);
    if (colon != std::string_view::npos) {
        const std::string_view port = value.substr(colon + 1);
        if (!std::all_of(port.begin(), port.end(), is_digit)) return std::nullopt;
        value = value.substr(0, colon);
    }
    if (value.ends_with('.')) value.remove_suffix(1);
    if (value.size() > kNameBytes) return std::nullopt;
    return domain_of_text(value);
}

std::optional<HttpHead> read_http(std::span<const std::uint8_t> payload) {
    const std::string text(payload.begin(), payload.end());
    const std::string_view looked_at = std::string_view(text).substr(0, kHeadBytes);
    const auto method = std::find_if(std::begin(kMethods), std::end(kMethods), [&](std::string_view word) {
        return looked_at.starts_with(word) && looked_at.substr(word.size()).starts_with(' ');
    });
    const bool is_request = method != std::end(kMethods);
    const bool is_response = looked_at.size() >= 8 && looked_at.starts_with("HTTP/1.") && is_digit(looked_at[7]);
    if (!is_request && !is_response) return std::nullopt;

    std::vector<std::string_view> lines = ended_lines(looked_at);
    if (!lines.empty()) lines.erase(lines.begin());  // the first one is no header line
    const auto end = std::find(lines.begin(), lines.end(), std::string_view());
    HttpHead head;
    head.is_cut = end == lines.end();
    lines.erase(end, lines.end());  // of the body
    if (is_response) {
        read_status(head, looked_at);
        return head;
    }
    head.method = std::string(*method);
    const bool target_is_whole = read_target(head, looked_at, method->size() + 1);
    if (!target_is_whole) head.is_cut = true;
    if (const auto host = header_value(lines, "host")) head.host = host_name(*host);
    if (const auto agent = header_value(lines, "user-agent")) head.user_agent = std::string(*agent);
    return head;
}

}  // namespace weir::packet
