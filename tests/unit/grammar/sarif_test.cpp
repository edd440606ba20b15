// Diagnostics for other programs: SARIF and GitHub's workflow commands.
#include <catch2/catch.hpp>

#include <set>

#include <nlohmann/json.hpp>

#include "grammar/github.h"
#include "grammar/gitlab.h"
#include "grammar/sarif.h"

using namespace weir;
using nlohmann::json;

TEST_CASE("one SARIF document for several policies, with fixes, related places and what is no diagnostic") {
    Sources first, second;
    first.add("a.rules", "rule r { when tcp.dprot == 1 then drop }\n");
    second.add("b.rules", "# ü\nrule r { when tcp.dprot == 1 then drop }\n");
    Diagnostics of_first, of_second;
    of_first.add({.code = Code::E201,
                  .span = {0, 14, 23},
                  .message = "unknown field",
                  .help = "look",
                  .fix = Fix{{0, 14, 23}, "tcp.dport"}});
    of_second.add({.code = Code::E202, .span = {0, 19, 28}, .message = "later"});
    of_second.add({.code = Code::E201, .span = {0, 2, 4}, .message = "earlier", .notes = {{{0, 5, 9}, "see here"}}});
    const json document =
        json::parse(sarif_document({{&first, &of_first, {}},
                                    {&second, &of_second, {}},
                                    {nullptr, nullptr, {{"test-failed", "a test fails", "t", "c.rules", 7}}}}));
    CHECK(document["version"] == "2.1.0");
    REQUIRE(document["runs"].size() == 1);
    const json& run = document["runs"][0];
    const json& results = run["results"];
    REQUIRE(results.size() == 4);
    CHECK(run["tool"]["driver"]["rules"].size() == 3);
    for (const json& result : results)
        CHECK(run["tool"]["driver"]["rules"][result["ruleIndex"].get<std::size_t>()]["id"] == result["ruleId"]);
    const json& place = results[0]["locations"][0]["physicalLocation"];
    CHECK(place["artifactLocation"]["uri"] == "a.rules");
    CHECK(place["region"] == json{{"startLine", 1}, {"startColumn", 15}, {"endLine", 1}, {"endColumn", 24}});
    CHECK(results[0]["message"]["text"] == "unknown field; look");
    const json& change = results[0]["fixes"][0]["artifactChanges"][0];
    CHECK(change["artifactLocation"]["uri"] == "a.rules");
    CHECK(change["replacements"][0]["deletedRegion"] == place["region"]);
    CHECK(change["replacements"][0]["insertedContent"]["text"] == "tcp.dport");
    CHECK(results[1]["message"]["text"] == "earlier");                                  // in the order of the text
    CHECK(results[1]["locations"][0]["physicalLocation"]["region"]["endColumn"] == 4);  // characters, not bytes
    CHECK(results[1]["relatedLocations"][0]["message"]["text"] == "see here");
    CHECK(results[1]["relatedLocations"][0]["physicalLocation"]["region"]["startLine"] == 2);
    CHECK(results[3]["ruleId"] == "test-failed");
    CHECK(results[3]["level"] == "error");
    CHECK(results[3]["locations"][0]["physicalLocation"]["region"]["startLine"] == 7);
    CHECK(json::parse(sarif_document({}))["runs"][0]["results"].empty());
}

TEST_CASE("GitHub's workflow commands: what would end a property or a line is escaped") {
    CHECK(github_line({"warning", "a:b,c.rules", {3, 4}, {5, 6}, "W401", "100%, two\nlines: yes"}) ==
          "::warning file=a%3Ab%2Cc.rules,line=3,col=4,endLine=5,endColumn=6,title=W401::100%25, two%0Alines: yes\n");
}

TEST_CASE("GitLab's report: an entry each, with a fingerprint that stays where lines are inserted") {
    const auto report = [](const std::string& before) {
        Sources sources;
        const std::string text = before + "rule r { when tcp.dprot == 1 then drop }\n";
        sources.add("a.rules", text);
        Diagnostics diagnostics;
        const auto at = static_cast<std::uint32_t>(text.find("tcp.dprot"));
        for (int i = 0; i < 2; ++i)
            diagnostics.add({.code = Code::E201, .span = {0, at, at + 9}, .message = "unknown", .help = "look"});
        diagnostics.add({.code = Code::W401, .span = {0, at, at + 9}, .message = "never"});
        return json::parse(gitlab_report(
            {{&sources, &diagnostics, {}}, {nullptr, nullptr, {{"test-failed", "a test fails", "t", "c.rules", 7}}}}));
    };
    const json first = report(""), moved = report("# a comment\n\n");
    REQUIRE(first.size() == 4);
    CHECK(first[0]["description"] == "E201: unknown; look");
    CHECK(first[0]["check_name"] == "E201");
    CHECK(first[0]["severity"] == "critical");
    CHECK(first[2]["severity"] == "minor");
    CHECK(first[0]["location"] == json{{"path", "a.rules"}, {"lines", {{"begin", 1}, {"end", 1}}}});
    CHECK(first[3]["location"]["lines"]["begin"] == 7);
    CHECK(moved[0]["location"]["lines"]["begin"] == 3);
    std::set<std::string> fingerprints;
    for (std::size_t i = 0; i < first.size(); ++i) {
        CHECK(first[i]["fingerprint"] == moved[i]["fingerprint"]);
        fingerprints.insert(first[i]["fingerprint"].get<std::string>());
    }
    CHECK(fingerprints.size() == 4);
    CHECK(gitlab_report({}) == "[]\n");
}
