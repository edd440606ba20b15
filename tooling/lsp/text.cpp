// Tested by tests/unit/tooling/lsp_text_test.cpp.
#include "tooling/lsp/text.h"

#include <algorithm>

#include "grammar/base/utf8.h"

namespace weir::tooling::lsp {
namespace {

// UTF-16 units of the character that begins with this byte; none of a byte within a character.
std::uint32_t units(char byte) {
    const auto value = static_cast<unsigned char>(byte);
    if ((value & 0xc0) == 0x80) return 0;
    return value >= 0xf0 ? 2 : 1;
}

}  // namespace

Json json_of(Place place) { return {{"line", place.line}, {"character", place.character}}; }
Json json_of(Range range) { return {{"start", json_of(range.begin)}, {"end", json_of(range.end)}}; }

Text::Text(std::string text) : text_(without_byte_order_mark(text)) { find_lines(); }

void Text::find_lines() {
    starts_.assign(1, 0);
    for (std::size_t i = 0; i < text_.size(); ++i)
        if (text_[i] == '\n' || (text_[i] == '\r' && (i + 1 == text_.size() || text_[i + 1] != '\n')))
            starts_.push_back(static_cast<std::uint32_t>(i + 1));
}

std::string_view Text::line(std::uint32_t number) const {
    const std::size_t begin = starts_[number];
    std::size_t end = number + 1 < starts_.size() ? starts_[number + 1] : text_.size();
    while (end > begin && (text_[end - 1] == '\n' || text_[end - 1] == '\r')) --end;
    return std::string_view(text_).substr(begin, end - begin);
}

Place Text::place(std::size_t offset) const {
    offset = std::min(offset, text_.size());
    const auto after = std::upper_bound(starts_.begin(), starts_.end(), offset);
    Place place{static_cast<std::uint32_t>(after - starts_.begin() - 1), 0};
    const std::string_view shown = line(place.line);
    for (const char c : shown.substr(0, offset - starts_[place.line])) place.character += units(c);
    return place;
}

std::uint32_t Text::offset(Place place) const {
    if (place.line >= starts_.size()) return static_cast<std::uint32_t>(text_.size());
    const std::string_view shown = line(place.line);
    std::uint32_t seen = 0;
    std::size_t at = 0;
    while (at < shown.size()) {
        const std::uint32_t width = units(shown[at]);
        if (width != 0 && seen + width > place.character) break;
        seen += width;
        ++at;
    }
    return starts_[place.line] + static_cast<std::uint32_t>(at);
}

void Text::replace(Range range, std::string_view with) {
    const std::uint32_t begin = offset(range.begin), end = std::max(begin, offset(range.end));
    text_.replace(begin, end - begin, with);
    find_lines();
}

}  // namespace weir::tooling::lsp
