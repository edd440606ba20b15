// Places in UTF-16, frames of the base protocol, URIs, and the words of a text that cannot be parsed.
#include <catch2/catch.hpp>

#include "tooling/lsp/frames.h"
#include "tooling/lsp/lexer.h"
#include "tooling/lsp/text.h"
#include "tooling/lsp/uri.h"

using namespace weir::tooling::lsp;

TEST_CASE("places count UTF-16 units, and lines end as editors see it") {
    const Text text("a\xc3\xa9\xf0\x9f\x98\x80z\r\nb\rc\n");
    CHECK(text.place(3) == Place{0, 2});  // behind the letter of two bytes
    CHECK(text.place(7) == Place{0, 4});  // behind the one of two units
    CHECK(text.place(8) == Place{0, 5});
    CHECK(text.place(10) == Place{1, 0});
    CHECK(text.place(12) == Place{2, 0});
    CHECK(text.place(99) == Place{3, 0});
    CHECK(text.offset({0, 4}) == 7);
    CHECK(text.offset({0, 3}) == 3);  // within a character: its start
    CHECK(text.offset({0, 99}) == 8);
    CHECK(text.offset({99, 0}) == 14);
}

TEST_CASE("each byte of a text has a place that leads back to its character") {
    const Text text("\xef\xbb\xbfx\xe2\x82\xac\xff\xf0\x9f\n\xc3");
    for (std::uint32_t i = 0; i <= text.all().size(); ++i) CHECK(text.offset(text.place(i)) <= text.all().size());
}

TEST_CASE("a change between two places is that of the editor") {
    Text text("one\ntwo\n");
    text.replace({{0, 3}, {1, 0}}, " ");
    CHECK(text.all() == "one two\n");
    text.replace({{5, 0}, {1, 0}}, "!");  // a range that ends before it begins inserts
    CHECK(text.all() == "one two\n!");
}

TEST_CASE("a message comes whole, in pieces, and after what is none") {
    const std::string good = framed({{"id", 1}});
    FrameReader reader;
    for (const char c : good.substr(0, good.size() - 1)) {
        reader.add(std::string_view(&c, 1));
        CHECK(!reader.next());
    }
    reader.add(good.substr(good.size() - 1) + good);
    CHECK(reader.next()->content == R"({"id":1})");
    CHECK(reader.next()->content == R"({"id":1})");
    for (const std::string& wrong : {std::string("Content-Length: x\r\n\r\n"), std::string("\r\n\r\n"),
                                     std::string("Content-Length: 99999999999999999999\r\n\r\n"),
                                     std::string(kMostHeaderBytes + 1, 'x') + "\r\n\r\n"}) {
        reader.add(wrong + good);
        CHECK(!reader.next()->problem.empty());
        CHECK(reader.next()->content == R"({"id":1})");
    }
}

TEST_CASE("a message that is too large is skipped, however it comes") {
    FrameReader reader;
    reader.add("Content-Length: " + std::to_string(kMostContentBytes + 1) + "\r\n\r\n");
    CHECK(!reader.next()->problem.empty());
    const std::string part(1 << 20, 'x');
    for (std::size_t sent = 0; sent < kMostContentBytes; sent += part.size()) {
        reader.add(part);
        CHECK(!reader.next());
    }
    reader.add("x" + framed(Json::object()));
    CHECK(reader.next()->content == "{}");
}

TEST_CASE("JSON is bounded in depth") {
    CHECK(parse_json("[[1]]"));
    CHECK(!parse_json(std::string(100, '[') + std::string(100, ']')));
    CHECK(parse_json("\"" + std::string(1000, '[') + "\""));
    CHECK(!parse_json("{\"a\":"));
    CHECK(!number_of(-1));
    CHECK(!number_of(1.5));
    CHECK(!number_of(std::uint64_t{1} << 31));
    CHECK(member(5, "a").is_null());
}

TEST_CASE("URIs and paths lead to one another") {
    for (const std::string& path : std::vector<std::string>{"/etc/weir/edge.rules", "/a b/\xc3\xa9#?%.rules", "/"})
        CHECK(path_of(uri_of(path)) == path);
    CHECK(uri_of("/a b") == "file:///a%20b");
    CHECK(path_of("file://localhost/x") == "/x");
    CHECK(path_of("file:///a%zz%00%2") == "/a%zz%00%2");
    CHECK(path_of("untitled:one") == "untitled:one");
    CHECK(uri_of("untitled:one") == "untitled:one");
}

TEST_CASE("the words of a broken text") {
    const std::string text = "rule a{ when x==\"open\nthen # end\r\n}}";
    std::string words;
    for (const Token& token : lex(text)) words += std::string(token.in(text)) + "|";
    CHECK(words == "rule|a|{|when|x|==|\"open|then|# end|}|}|");
    CHECK(lex(text)[6].is_open);
    CHECK(lex("\"a\\\"b\"").size() == 1);
    CHECK(lex("\"a\\\nb").size() == 2);
}
