// Tested by tests/unit/base/printable_test.cpp.
#include "grammar/base/printable.h"

#include <algorithm>
#include <iterator>

#include "grammar/base/utf8.h"

namespace weir {
namespace {

struct CodeRange {
    std::uint32_t first, last;
};

template <std::size_t N>
bool is_in(const CodeRange (&ranges)[N], std::uint32_t code) {
    const auto* after =
        std::upper_bound(std::begin(ranges), std::end(ranges), code,
                         [](std::uint32_t value, const CodeRange& range) { return value < range.first; });
    return after != std::begin(ranges) && code <= std::prev(after)->last;
}

constexpr CodeRange kBidiControls[] = {{0x061c, 0x061c}, {0x200e, 0x200f}, {0x202a, 0x202e}, {0x2066, 0x2069}};

constexpr CodeRange kNotPrintable[] = {
    {0x0000, 0x001f},    // C0
    {0x007f, 0x009f},    // DEL, C1
    {0x00ad, 0x00ad},    // soft hyphen
    {0x180e, 0x180e},    // Mongolian vowel separator
    {0x200b, 0x200b},    // zero-width space
    {0x2028, 0x2029},    // line and paragraph separators
    {0x2060, 0x2065},    // word joiner, invisible operators
    {0x206a, 0x206f},    // deprecated format characters
    {0xfeff, 0xfeff},    // byte order mark
    {0xfff9, 0xfffb},    // interlinear annotation
    {0xe0000, 0xe0fff},  // tags; variation selectors beyond the first 16
};

// Blocks whose characters take two columns (East_Asian_Width W and F), and blocks of marks that take none. Whole
// blocks: a character too few or too many moves a caret by a column, and does no more.
constexpr CodeRange kWide[] = {{0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0x4dbf},   {0x4e00, 0xa4cf},
                               {0xa960, 0xa97c},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe30, 0xfe6f},
                               {0xff01, 0xff60},   {0xffe0, 0xffe6},   {0x16fe0, 0x1b2ff}, {0x1f200, 0x1f64f},
                               {0x1f680, 0x1f6ff}, {0x1f900, 0x1faff}, {0x20000, 0x3fffd}};
constexpr CodeRange kNoWidth[] = {{0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x064b, 0x065f},
                                  {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x200c, 0x200d}, {0x20d0, 0x20ff},
                                  {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}};

}  // namespace

bool is_bidi_control(std::uint32_t code) { return is_in(kBidiControls, code); }

bool is_printable(std::uint32_t code) { return !is_bidi_control(code) && !is_in(kNotPrintable, code); }

std::string printable(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const auto plain = static_cast<std::size_t>(
            std::find_if(text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }) - text.begin());
        out += text.substr(0, plain);
        text.remove_prefix(plain);
        if (text.empty()) break;
        const Character character = first_character(text);
        const std::size_t bytes = std::max<std::size_t>(character.bytes, 1);
        if (character.bytes != 0 && is_printable(character.code))
            out += text.substr(0, bytes);
        else
            for (const char c : text.substr(0, bytes)) {
                constexpr std::string_view kDigits = "0123456789abcdef";
                const auto byte = static_cast<std::uint8_t>(c);
                out += "\\x";
                out += kDigits[byte >> 4];
                out += kDigits[byte & 15];
            }
        text.remove_prefix(bytes);
    }
    return out;
}

std::size_t columns(std::string_view text) {
    std::size_t width = 0;
    while (!text.empty()) {
        if (static_cast<unsigned char>(text.front()) < 0x80) {
            ++width;
            text.remove_prefix(1);
            continue;
        }
        const Character character = first_character(text);
        width += is_in(kWide, character.code) ? 2 : is_in(kNoWidth, character.code) ? 0 : 1;
        text.remove_prefix(std::max<std::size_t>(character.bytes, 1));
    }
    return width;
}

}  // namespace weir
