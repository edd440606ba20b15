// Tested by tests/unit/tooling/lsp_text_test.cpp.
#include "tooling/lsp/frames.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include <fmt/format.h>

#include "tooling/files/json_depth.h"

namespace weir::tooling::lsp {
namespace {

constexpr std::string_view kLength = "content-length:";

std::string small_letters(std::string_view text) {
    std::string out(text);
    for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return out;
}

// Of "Content-Length: 12".
std::optional<std::size_t> length_of(std::string_view header) {
    const std::string line = small_letters(header);
    if (!line.starts_with(kLength)) return std::nullopt;
    std::string_view number = std::string_view(line).substr(kLength.size());
    while (number.starts_with(' ')) number.remove_prefix(1);
    while (number.ends_with(' ')) number.remove_suffix(1);
    std::size_t value = 0;
    const auto [end, failed] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (failed != std::errc() || number.empty() || end != number.data() + number.size()) return std::nullopt;
    return value;
}

}  // namespace

std::optional<FrameReader::Frame> FrameReader::read_header() {
    const std::size_t end = in_.find("\r\n\r\n");
    if (end == std::string::npos || end > kMostHeaderBytes) {
        if (in_.size() <= kMostHeaderBytes) return std::nullopt;
        in_.erase(0, end == std::string::npos ? in_.size() - 3 : end + 4);
        return Frame{{}, fmt::format("a header of more than {} bytes", kMostHeaderBytes)};
    }
    const std::string header = in_.substr(0, end);
    in_.erase(0, end + 4);
    for (std::string_view rest = header; !rest.empty();) {
        const std::string_view line = rest.substr(0, rest.find("\r\n"));
        rest.remove_prefix(std::min(line.size() + 2, rest.size()));
        if (const auto length = length_of(line)) length_ = length;
    }
    if (!length_) return Frame{{}, "a header without a valid Content-Length"};
    if (*length_ <= kMostContentBytes) return std::nullopt;
    skip_ = *length_;
    length_.reset();
    return Frame{{}, fmt::format("a message of more than {} bytes", kMostContentBytes)};
}

std::optional<FrameReader::Frame> FrameReader::next() {
    const std::size_t skipped = std::min(skip_, in_.size());
    in_.erase(0, skipped);
    skip_ -= skipped;
    if (skip_ != 0) return std::nullopt;
    if (!length_)
        if (auto wrong = read_header()) return wrong;
    if (!length_ || in_.size() < *length_) return std::nullopt;
    Frame frame{in_.substr(0, *length_), {}};
    in_.erase(0, *length_);
    length_.reset();
    return frame;
}

std::string framed(const Json& message) {
    const std::string content = message.dump(-1, ' ', false, Json::error_handler_t::replace);
    return fmt::format("Content-Length: {}\r\n\r\n{}", content.size(), content);
}

std::optional<Json> parse_json(std::string_view text) {
    if (is_nested_too_deep(text)) return std::nullopt;
    Json value = Json::parse(text, nullptr, false);
    if (value.is_discarded()) return std::nullopt;
    return value;
}

const Json& member(const Json& object, const char* name) {
    static const Json nothing;
    if (!object.is_object()) return nothing;
    const auto found = object.find(name);
    return found == object.end() ? nothing : *found;
}

std::string string_of(const Json& value) { return value.is_string() ? value.get<std::string>() : std::string(); }

std::optional<std::uint32_t> number_of(const Json& value) {
    constexpr std::uint64_t kMost = 0x7fffffff;
    if (!value.is_number_integer() || value < 0 || value > kMost) return std::nullopt;
    return value.get<std::uint32_t>();
}

std::optional<Place> place_of(const Json& value) {
    const auto line = number_of(member(value, "line")), character = number_of(member(value, "character"));
    if (!line || !character) return std::nullopt;
    return Place{*line, *character};
}

std::optional<Range> range_of(const Json& value) {
    const auto begin = place_of(member(value, "start")), end = place_of(member(value, "end"));
    if (!begin || !end) return std::nullopt;
    return Range{*begin, *end};
}

}  // namespace weir::tooling::lsp
