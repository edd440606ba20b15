// What tests came to, for other programs.
#include <catch2/catch.hpp>

#include "tests/unit/tooling/folder.h"
#include "tooling/judge/report.h"

using namespace weir;
using namespace weir::tooling;

TEST_CASE("a test as a line of JSON") {
    CHECK(json_line({"a \"name\"", "edge.rules", 9, "kernel", 0.5, std::nullopt, {}}) ==
          R"({"test":"a \"name\"","file":"edge.rules","line":9,"ok":true,"engine":"kernel"})"
          "\n");
    CHECK(
        json_line({"t", "edge.rules", 9, "native", 0.5, TestFailure{3, 12, "drop by x", "pass"}, {}}) ==
        R"({"test":"t","file":"edge.rules","line":9,"ok":false,"engine":"native","step":3,"expected":"drop by x","got":"pass"})"
        "\n");
}

TEST_CASE("a packet as a line of JSON: where it is redirected to") {
    const LoadedPolicy loaded = analyse_text(
        "a.rules", "rule a { when tcp then redirect(\"eth1\") }\nrule b { when udp then reject }\n", {}, {});
    REQUIRE(loaded.compiled);
    const policy::TypedPolicy& policy = loaded.compiled->policy;
    Judged judged;
    judged.verdict = 3;
    judged.by = Judged::By::kRule;
    judged.matched = {0};
    CHECK(json_line(1, packet::Direction::kIn, judged, policy) ==
          R"({"packet":1,"direction":"in","verdict":"redirect","to":"eth1","rule":"a","matched":["a"],"alerts":[]})"
          "\n");
    CHECK(describe(judged, policy) == "redirect(\"eth1\") by a");
    judged.verdict = 2;
    judged.rule = 1;
    judged.matched = {1};
    CHECK(json_line(2, packet::Direction::kOut, judged, policy) ==
          R"({"packet":2,"direction":"out","verdict":"reject","rule":"b","matched":["b"],"alerts":[]})"
          "\n");
}

TEST_CASE("JUnit: a suite a file, whole or not written") {
    const tests::Folder folder;
    const std::string path = folder.path("out.xml");
    REQUIRE(write_junit(path,
                        {{"good", "a.rules", 3, "native", 0.25, std::nullopt, {}},
                         {"bad \x01<&>", "a.rules", 7, "native", 0.5, TestFailure{2, 8, "drop", "pass"}, {}},
                         {"other", "b.rules", 1, "native", 0, std::nullopt, {}}},
                        {{"bad.rules", 4, "E201: unknown field `tcp.dprot`"}}));
    const std::string xml = folder.read("out.xml");
    CHECK_THAT(xml, Catch::Contains(R"(<testsuite name="a.rules" tests="2" failures="1" errors="0" time="0.750000">)"));
    CHECK_THAT(xml, Catch::Contains(R"(<testsuite name="b.rules" tests="1" failures="0" errors="0" time="0.000000">)"));
    CHECK_THAT(xml,
               Catch::Contains(R"(<testcase name="bad \x01&lt;&amp;>" classname="a.rules" file="a.rules" line="7")"));
    CHECK_THAT(xml,
               Catch::Contains(R"(<failure message="step 2 (line 8): expected drop, got pass" type="verdict" />)"));
    CHECK_THAT(xml, Catch::Contains(R"(<testsuite name="bad.rules" tests="1" failures="0" errors="1")"));
    CHECK_THAT(xml, Catch::Contains(R"(<error message="E201: unknown field `tcp.dprot`" type="policy" />)"));
    CHECK(!write_junit("/nonexistent/out.xml", {}, {}));
}

TEST_CASE("a test that failed, for GitHub and as a finding") {
    const TestResult result{"t, 1", "a,b.rules", 9, "native", 0.5, TestFailure{3, 12, "drop by x", "100% pass"}, {}};
    CHECK(github_annotation(result) ==
          "::error file=a%2Cb.rules,line=12,col=1,endLine=12,endColumn=1,title=test failed::test \"t, 1\": step 3 "
          "(line 12): "
          "expected drop by x, got 100%25 pass\n");
    const SarifFinding finding = sarif_finding(result);
    CHECK(finding.rule_id == "test-failed");
    CHECK(finding.line == 12);
    CHECK_THAT(finding.message, Catch::Contains("expected drop by x, got 100% pass"));
}

TEST_CASE("why the tests of a policy could not run: its first error, or what could not be read") {
    const LoadedPolicy bad =
        analyse_text("bad.rules", "default drop\nrule r { when tcp.dprot == 1 then drop }\n", {}, {});
    const PolicyFailure failure = failure_of(bad, "path/bad.rules");
    CHECK(failure.file == "bad.rules");
    CHECK(failure.line == 2);
    CHECK_THAT(failure.message, Catch::StartsWith("E201: "));
    const LoadedPolicy none = analyse_file("/nonexistent.rules", {});
    CHECK(failure_of(none, "/nonexistent.rules").file == "/nonexistent.rules");
    CHECK_THAT(failure_of(none, "/nonexistent.rules").message, Catch::Contains("cannot be read"));
}
