// Long texts, of which items are read in a thread while those before are built: the same policy, the same words about
// it.
#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "tests/unit/grammar/parsed.h"

using namespace weir;

namespace {

constexpr std::size_t kItems = 6000;  // a text of well over 256 KiB

std::string item(std::size_t number) {
    return "rule r" + std::to_string(number) + " { when ip.src == 10.0." + std::to_string(number / 256) + "." +
           std::to_string(number % 256) + " and tcp.dport == 22 then drop }\n";
}
std::string text_of(const std::vector<std::pair<std::size_t, std::string>>& others) {
    std::string text = "policy long # a comment\n";
    for (std::size_t i = 0; i < kItems; ++i) {
        std::string one = item(i);
        for (const auto& [at, other] : others)
            if (at == i) one = other + "\n";
        text += one;
    }
    return text;
}
std::vector<std::string> rules_of(const ast::Policy& policy) {
    std::vector<std::string> names;
    for (const ast::Item& one : policy.items)
        if (const auto* rule = std::get_if<ast::Rule>(&one)) names.push_back(rule->name.text);
    return names;
}

}  // namespace

TEST_CASE("a long text has all its items, in their order") {
    const Parsed parsed(text_of({}));
    CHECK(parsed.diagnostics.all().empty());
    REQUIRE(parsed.policy.name);
    CHECK(parsed.policy.comments.size() == 1);
    const std::vector<std::string> names = rules_of(parsed.policy);
    REQUIRE(names.size() == kItems);
    for (std::size_t i = 0; i < kItems; ++i) REQUIRE(names[i] == "r" + std::to_string(i));
    const auto& last = std::get<ast::Rule>(parsed.policy.items.back());
    CHECK(std::string(parsed.text(last.span)) + "\n" == item(kItems - 1));
}

TEST_CASE("what is wrong in a long text is said in its order, and the rest is read") {
    // What the grammar refuses, and what the words of an item may not mean, before, between and after one another.
    const Parsed parsed(text_of({{0, "rule zero { when tcp.dport = 22 then drop }"},
                                 {3000, "set s : ip size 10s"},
                                 {3001, "ruel r { when tcp then drop }"},
                                 {5999, "rule last { when tcp then }"}}));
    std::vector<std::string> said;
    for (const Diagnostic& one : parsed.diagnostics.all())
        said.push_back(std::string(code_name(one.code)) + " " + std::string(parsed.text(one.span)));
    CHECK(said == std::vector<std::string>{"E104 =", "E109 10s", "E101 ruel", "E101 }"});
    CHECK(rules_of(parsed.policy).size() == kItems - 4);
    // The first of them late: most of the text is read ahead.
    const Parsed late(text_of({{1, "set s : ip size 10s"}, {5000, "rule r { when !tcp then drop }"}}));
    said.clear();
    for (const Diagnostic& one : late.diagnostics.all())
        said.push_back(std::string(code_name(one.code)) + " " + std::string(late.text(one.span)));
    CHECK(said == std::vector<std::string>{"E109 10s", "E104 !"});
    CHECK(rules_of(late.policy).size() == kItems - 2);
}
