#include "grammar/base/printable.h"

#include <catch2/catch.hpp>

#include "grammar/base/utf8.h"
#include "grammar/render.h"
#include "grammar/rendered.h"

namespace weir {
namespace {

// UTF-8 of any number, also of those that no text may have.
std::string encoded(std::uint32_t code) {
    const auto last = [&](unsigned shift) { return static_cast<char>(0x80 | (code >> shift & 0x3f)); };
    if (code < 0x80) return {static_cast<char>(code)};
    if (code < 0x800) return {static_cast<char>(0xc0 | code >> 6), last(0)};
    if (code < 0x10000) return {static_cast<char>(0xe0 | code >> 12), last(6), last(0)};
    return {static_cast<char>(0xf0 | code >> 18), last(12), last(6), last(0)};
}

bool is_escaped(const std::string& text) {
    const std::string shown = printable(text);
    return shown.size() == 4 * text.size() && shown.starts_with("\\x");
}

}  // namespace

TEST_CASE("what could drive a terminal is escaped; what can be read stays") {
    CHECK(printable("plain text, 100%") == "plain text, 100%");
    CHECK(printable("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x9f") == "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x9f");
    CHECK(printable("a\nb\r\t\x1b[31m\x7f") == "a\\x0ab\\x0d\\x09\\x1b[31m\\x7f");
    CHECK(printable("\xc2\x9b"
                    "31m") == "\\xc2\\x9b31m");             // CSI as one character
    CHECK(printable("\xe2\x80\xae") == "\\xe2\\x80\\xae");  // right-to-left override
    CHECK(printable("\xff\xc3") == "\\xff\\xc3");           // not UTF-8
    CHECK(printable("\xc0\x8a") == "\\xc0\\x8a");           // overlong newline
    CHECK(printable("\xe0\x82\x9b") == "\\xe0\\x82\\x9b");  // overlong CSI
    CHECK(printable("\xed\xa0\x80") == "\\xed\\xa0\\x80");  // a surrogate
    CHECK(printable("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");
    CHECK(printable(std::string_view("\0", 1)) == "\\x00");
}

TEST_CASE("every character of every kind that is escaped") {
    const std::pair<std::uint32_t, std::uint32_t> kinds[] = {
        {0x00, 0x1f},     {0x7f, 0x9f},     {0x061c, 0x061c},   {0x200b, 0x200b},
        {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x2064},   {0x2066, 0x2069},
        {0xfeff, 0xfeff}, {0xd800, 0xdfff}, {0xe0000, 0xe007f}, {0x110000, 0x110010}};
    for (const auto& [first, last] : kinds)
        for (std::uint32_t code = first; code <= last; ++code)
            if (!is_escaped(encoded(code))) FAIL_CHECK("U+" << std::hex << code << " is shown");
    for (const std::uint32_t code : {0x20u, 0x7eu, 0xa0u, 0x200cu, 0x200du, 0x202fu, 0x3042u, 0xfffdu, 0x10ffffu})
        CHECK(printable(encoded(code)) == encoded(code));
}

TEST_CASE("whatever goes in, printable text comes out, and stays as it is") {
    for (int first = 0; first < 256; ++first) {
        for (int second = 0; second < 256; ++second) {
            const std::string text{static_cast<char>(first), static_cast<char>(second)};
            const std::string shown = printable(text);
            CHECK(printable(shown) == shown);
            for (std::string_view rest = shown; !rest.empty();) {
                const Character character = first_character(rest);
                REQUIRE(character.bytes != 0);
                CHECK((character.code >= 0x20 && (character.code < 0x7f || character.code > 0x9f)));
                rest.remove_prefix(character.bytes);
            }
        }
    }
}

TEST_CASE("columns of a terminal") {
    CHECK(columns("") == 0);
    CHECK(columns("abc") == 3);
    CHECK(columns("caf\xc3\xa9") == 4);
    CHECK(columns("cafe\xcc\x81") == 4);              // a combining accent
    CHECK(columns("\xe6\x97\xa5\xe6\x9c\xac") == 4);  // two wide characters
    CHECK(columns("\xf0\x9f\x90\x9f") == 2);          // a fish
    CHECK(columns("\xe2\x80\x8d") == 0);              // zero-width joiner
}

TEST_CASE("a byte order mark is skipped once, at the start") {
    CHECK(without_byte_order_mark("\xef\xbb\xbfpolicy") == "policy");
    CHECK(without_byte_order_mark("\xef\xbb\xbf\xef\xbb\xbf") == "\xef\xbb\xbf");
    CHECK(without_byte_order_mark("\xef\xbb") == "\xef\xbb");
    CHECK(without_byte_order_mark("policy").size() == 6);
}

// ---- diagnostics: everything in them may be somebody else's text ----

namespace {

// Every kind of byte that must not arrive, in a name, a path, a line and each sentence of a diagnostic.
const std::string kHostile =
    "\x1b]0;owned\x07\x1b[2J\xc2\x9b"
    "31m\xe2\x80\xae\xe2\x80\xa8\xef\xbb\xbf\xff\xc0\x8a\r\x7f";

std::string rendered(DiagnosticFormat format) {
    Sources sources;
    const std::uint32_t file =
        sources.add("a" + kHostile + ".rules", "policy edge\n# " + kHostile + "\twhen\trule r " + kHostile + "\n");
    Diagnostics diagnostics;
    const auto begin = static_cast<std::uint32_t>(sources.text(file).find("rule"));
    diagnostics.add({.code = Code::E101,
                     .span = {file, begin, begin + 4},
                     .message = "found " + kHostile,
                     .label = kHostile,
                     .help = kHostile,
                     .fix = Fix{{file, begin, begin + 4}, kHostile},
                     .notes = {{{file, 0, 1}, kHostile}}});
    return render(sources, diagnostics, format, Colour::kOff);
}

bool drives_a_terminal(std::string_view text) {
    for (; !text.empty();) {
        const Character character = first_character(text);
        if (character.bytes == 0) return true;
        if (character.bytes == 1 && character.code != '\n' && (character.code < 0x20 || character.code == 0x7f))
            return true;
        if (printable(text.substr(0, character.bytes)) != text.substr(0, character.bytes) && character.code != '\n')
            return true;
        text.remove_prefix(character.bytes);
    }
    return false;
}

}  // namespace

TEST_CASE("nothing of a policy or its name drives a terminal, in the formats that people and CI read") {
    CHECK(drives_a_terminal(kHostile));
    for (const DiagnosticFormat format : {DiagnosticFormat::kHuman, DiagnosticFormat::kGithub}) {
        const std::string text = rendered(format);
        INFO(text);
        CHECK_FALSE(drives_a_terminal(text));
    }
    // One annotation is one line: a line end in a message would begin another command.
    const std::string annotations = rendered(DiagnosticFormat::kGithub);
    CHECK(std::count(annotations.begin(), annotations.end(), '\n') == 1);
}

TEST_CASE("what another process rendered keeps its lines and the colours of a diagnostic, nothing else") {
    const std::string said =
        "\x1b[1;31merror\x1b[0m: \x1b]0;owned\x07\n\x1b[2J\x1b[1;35m \xe2\x80\xae\xff\r\n\x1b[1;31";
    const std::string filtered = "\\x1b]0;owned\\x07\n\\x1b[2J\\x1b[1;35m \\xe2\\x80\\xae\\xff\\x0d\n\\x1b[1;31";
    CHECK(printable_rendered(said, Colour::kOn) == "\x1b[1;31merror\x1b[0m: " + filtered);
    CHECK(printable_rendered(said, Colour::kOff) == "\\x1b[1;31merror\\x1b[0m: " + filtered);
    CHECK(printable_rendered(printable_rendered(said, Colour::kOn), Colour::kOn) ==
          printable_rendered(said, Colour::kOn));
    Sources sources;
    Diagnostics diagnostics;
    const std::uint32_t file = sources.add("a.rules", "rule \x1b[2J r { when tcp then drop }\n");
    diagnostics.add({.code = Code::E101, .span = {file, 5, 9}, .message = "m"});
    diagnostics.add({.code = Code::W401, .span = {file, 0, 4}, .message = "w"});
    for (const Colour colour : {Colour::kOff, Colour::kOn})
        for (const DiagnosticFormat format :
             {DiagnosticFormat::kHuman, DiagnosticFormat::kJson, DiagnosticFormat::kSarif, DiagnosticFormat::kGithub}) {
            const std::string text = render(sources, diagnostics, format, colour);
            CHECK(printable_rendered(text, colour) == text);  // what render() wrote it leaves as it is
        }
}

TEST_CASE("carets stand below what was printed") {
    const auto marks = [](const std::string& line, std::uint32_t begin, std::uint32_t end) {
        Sources sources;
        const std::uint32_t file = sources.add("a.rules", line);
        Diagnostics diagnostics;
        diagnostics.add({.code = Code::E101, .span = {file, begin, end}, .message = "m"});
        std::string text = render(sources, diagnostics, DiagnosticFormat::kHuman, Colour::kOff);
        text = text.substr(text.find("1 | "));
        const std::string shown = text.substr(4, text.find('\n') - 4);
        const std::string caret = text.substr(text.find('\n') + 1);
        const std::size_t first = caret.find('^') - 4, count = caret.find_last_of('^') - caret.find('^') + 1;
        return std::tuple(shown, first, count);
    };
    CHECK(marks("ab cd", 3, 5) == std::tuple(std::string("ab cd"), 3u, 2u));
    CHECK(marks("\x1b\x1b cd", 3, 5) == std::tuple(std::string("\\x1b\\x1b cd"), 9u, 2u));
    CHECK(marks("a \xe2\x80\xae b", 2, 5) == std::tuple(std::string("a \\xe2\\x80\\xae b"), 2u, 12u));
    CHECK(marks("\xe6\x97\xa5 b", 4, 5) == std::tuple(std::string("\xe6\x97\xa5 b"), 3u, 1u));
    CHECK(marks("\ta\tb", 3, 4) == std::tuple(std::string(" a b"), 3u, 1u));
    CHECK(marks("\xef\xbb\xbfpolicy x", 7, 8) == std::tuple(std::string("policy x"), 7u, 1u));
    // Cut around the place, between characters.
    std::string long_line;
    for (int i = 0; i < 200; ++i) long_line += "\xc3\xa9";
    const auto [shown, first, count] = marks(long_line + "X" + long_line, 400, 401);
    CHECK(first_character(shown).bytes == 2);
    CHECK(columns(shown.substr(0, shown.find('X'))) == first);
    CHECK(count == 1);
}

}  // namespace weir
