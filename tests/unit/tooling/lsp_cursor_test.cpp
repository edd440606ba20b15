// What may follow at each place of a text (tooling/lsp/cursor.h); `|` is the place.
#include <catch2/catch.hpp>

#include "tooling/lsp/cursor.h"

using namespace weir;
using namespace weir::tooling::lsp;

namespace {

Cursor at(std::string text) {
    const std::size_t place = text.find('|');
    text.erase(place, 1);
    return cursor_at(text, static_cast<std::uint32_t>(place));
}

}  // namespace

TEST_CASE("items begin where none is open") {
    for (const std::string text : {"|", "policy a\n|", "let a = 1\n|", "rule a { when tcp then drop }\n|",
                                   "rule a { when tcp then drop } |", "ru|", "default drop\nru|"})
        CHECK(at(text).where == kTop);
    CHECK(at("let a = tcp\n    and |").where == kOperand);
    CHECK(at("rule a {\n    when tcp\n    |").where == kAfterOperand);
}

TEST_CASE("a brace that is missing loses the item before, not this one") {
    CHECK(at("rule a { when tcp\nrule b { |").where == kRule);
    CHECK(at("rule a { when tcp then drop }\nrule b { when tcp then |\nrule c {").where == kAction);
}

TEST_CASE("values are those of the field that is compared") {
    for (const std::string text :
         {"rule a { when icmp.type == |", "rule a { when icmp.type in { 1, |", "rule a { when icmp.type not in { |",
          "let a = icmp.type == |", "let a = icmp.type in { echo_request, | }"}) {
        INFO(text);
        CHECK(at(text).field == packet::FieldId::kIcmpType);
    }
    CHECK(!at("let a = { |").field);
}

TEST_CASE("names of the kind that may stand there") {
    CHECK(at("rule a { when tcp then alert x|").names == kAlerts);
    CHECK(at("rule a { when tcp then add ip.src to |").names == kSets);
    CHECK(at("alert a { to |").names == kSinks);
    CHECK(at("alert a { to x, |").names == kSinks);
    CHECK(at("alert a { throttle 1 per ip.src, |").names == kFields);
    CHECK(at("alert a { message \"x {ip.|").names == kHoles);
    CHECK(at("alert a { message \"x {ip.|").prefix == "ip.");
    CHECK(at("alert a { message \"x|").names == kNoNames);
    CHECK(at("sink a = eve(|").sink_kind == "eve");
    CHECK(at("test \"t\" {\n tcp 1.1.1.1:1 -> 2.2.2.2:2 => drop by |").names == kRules);
    CHECK(at("import \"a/|").prefix == "a/");
    CHECK(at("rule a { when tcp # and |").where == 0);
}
