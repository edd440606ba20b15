#include "tooling/files/json_depth.h"

#include <string>

#include <catch2/catch.hpp>

using weir::tooling::is_nested_too_deep;

namespace {

std::string nested(std::size_t depth, const std::string& open, const std::string& close) {
    std::string text;
    for (std::size_t i = 0; i < depth; ++i) text += open;
    text += "1";
    for (std::size_t i = 0; i < depth; ++i) text += close;
    return text;
}

}  // namespace

TEST_CASE("64 levels of JSON are read, one more is not") {
    for (const auto& [open, close] : {std::pair<std::string, std::string>{"[", "]"}, {R"({"a":)", "}"}}) {
        CHECK_FALSE(is_nested_too_deep(nested(64, open, close)));
        CHECK(is_nested_too_deep(nested(65, open, close)));
        CHECK(is_nested_too_deep(nested(1'000'000, open, "")));
    }
}

TEST_CASE("brackets in strings of JSON nest nothing, and neighbours are no levels") {
    CHECK_FALSE(is_nested_too_deep("{\"a\":\"" + std::string(100, '[') + "\"}"));
    CHECK_FALSE(is_nested_too_deep(R"({"a":"\"[[[[)" + std::string(100, '{') + "\"}"));
    CHECK(is_nested_too_deep(R"({"a":"\\",)" + std::string(100, '[')));
    std::string neighbours = "[";
    for (int i = 0; i < 1000; ++i) neighbours += "{},";
    CHECK_FALSE(is_nested_too_deep(neighbours + "{}]"));
    CHECK_FALSE(is_nested_too_deep(""));
    CHECK_FALSE(is_nested_too_deep("\""));
    CHECK_FALSE(is_nested_too_deep("\"\\"));
}
