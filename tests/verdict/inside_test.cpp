// Names and texts of packets: operators, lengths, keys of state.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "tests/support/table.h"
#include "tests/verdict/inside_samples.h"

using namespace weir;
using namespace weir::tests;

namespace {

std::string quoted(const std::string& bytes) { return "\"" + bytes + "\""; }

// What holds of a text, whatever it is.
std::vector<Row> text_rows(const TextSample& s) {
    const std::size_t length = s.value.size();
    std::vector<Row> rows;
    const auto row = [&](const std::string& condition, bool expected) {
        rows.push_back({s.field + " " + condition, s.frame, expected, s.value});
    };
    row("== " + quoted(s.value), s.is_literal);
    row("!= " + quoted(s.value), !s.is_literal);
    if (length < 255) row("!= " + quoted(s.value + "x"), true);  // no literal is longer
    row("contains " + quoted(s.value), true);
    row("starts_with nocase " + quoted(s.value), true);
    if (length < 255) row("contains " + quoted(s.value + "x"), false);
    rows.push_back({fmt::format("len({}) == {}", s.field, length), s.frame, true, s.value});
    rows.push_back({fmt::format("len({}) > {}", s.field, length), s.frame, false, s.value});
    rows.push_back({s.field + " == " + s.field, s.frame, true, s.value});
    for (std::size_t at = 0; at < length; ++at) {  // every place and word of the comparison
        std::string other = s.value;
        other[at] = other[at] == '~' ? '-' : '~';
        row("== " + quoted(other), false);
        row("contains " + quoted(other), false);
        row("contains " + quoted(s.value.substr(at)), true);
        row("ends_with " + quoted(s.value.substr(at)), true);
        row("starts_with " + quoted(s.value.substr(0, at)), true);
        if (at % 7 == 0) row("ends_with " + quoted(other.substr(at / 2)), false);
    }
    return rows;
}

}  // namespace

TEST_CASE("names and texts are found where they are, and nowhere else", "[inside]") {
    for (const TextSample& sample : inside_texts()) check_rows(text_rows(sample));
}
