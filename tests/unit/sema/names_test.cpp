// Which names a policy gives, in what order they are numbered, and which are refused.
#include "compiler/sema/names.h"

#include <catch2/catch.hpp>

#include <string>

#include "grammar/parser.h"

using namespace weir;
using namespace weir::sema;

namespace {

struct Collected {
    explicit Collected(const std::string& text) {
        const std::uint32_t file = sources.add("test.rules", text);
        policies.push_back(parse(sources, file, diagnostics));
        REQUIRE_FALSE(diagnostics.has_errors());
        names = collect_names(policies, items_in_order(policies), diagnostics);
    }
    std::string codes() const {
        std::string all;
        for (const Diagnostic& diagnostic : diagnostics.all()) all.append(code_name(diagnostic.code)).append(" ");
        return all;
    }

    Sources sources;
    Diagnostics diagnostics;
    std::vector<ast::Policy> policies;
    Names names;
};

}  // namespace

TEST_CASE("items are numbered in their order, each kind by itself") {
    const Collected policy(
        "let web = { 80, 443 }\nset bad : ip\nset good : ip\nalert one { message \"1\" }\n"
        "rule b { when tcp then drop }\nrule a { when udp then drop }\nsink out = stdout()\nalert two { message \"2\" "
        "}\n");
    CHECK(policy.codes().empty());
    CHECK(policy.names.lets.contains("web"));
    CHECK(policy.names.sets.at("good") == policy::SetId{1});
    CHECK(policy.names.rules.at("b") == policy::RuleId{0});
    CHECK(policy.names.rules.at("a") == policy::RuleId{1});
    CHECK(policy.names.alerts.at("two") == policy::AlertId{1});
    CHECK(policy.names.sinks.at("out") == policy::SinkId{0});
}

TEST_CASE("lets and sets share their names; rules and alerts have their own") {
    CHECK(Collected("let a = 1\nset a : ip\n").codes() == "E203 ");
    CHECK(Collected("set a : ip\nrule a { when tcp then drop }\nalert a { message \"\" }\n").codes().empty());
    CHECK(Collected("rule a { when tcp then drop }\nrule a { when udp then drop }\n").codes() == "E203 ");
}

TEST_CASE("a name given twice keeps the first one's number") {
    const Collected policy(
        "rule a { when tcp then drop }\nrule a { when udp then drop }\nrule c { when ip then drop }\n");
    CHECK(policy.names.rules.at("a") == policy::RuleId{0});
    CHECK(policy.names.rules.at("c") == policy::RuleId{2});
}

TEST_CASE("the first words of fields are no names of lets") {
    CHECK(Collected("let tcp = 1\n").codes() == "E204 ");
    CHECK(Collected("let f(udp) = ip\n").codes() == "E204 ");
}

TEST_CASE("the nearest known name") {
    const Collected policy("set blocked : ip\nset allowed : ip\n");
    CHECK(nearest_name(policy.names.sets, "bloked", {}) == "blocked");
    CHECK(nearest_name(policy.names.sets, "something", {}) == "");
    Diagnostics many;
    for (int i = 0; i < 100; ++i) many.add({.code = Code::E202});
    CHECK(nearest_name(policy.names.sets, "bloked", many) == "");
}
