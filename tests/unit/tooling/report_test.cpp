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

TEST_CASE("JUnit: a suite a file, whole or not written") {
    const tests::Folder folder;
    const std::string path = folder.path("out.xml");
    REQUIRE(write_junit(path, {{"good", "a.rules", 3, "native", 0.25, std::nullopt, {}},
                               {"bad \x01<&>", "a.rules", 7, "native", 0.5, TestFailure{2, 8, "drop", "pass"}, {}},
                               {"other", "b.rules", 1, "native", 0, std::nullopt, {}}}));
    const std::string xml = folder.read("out.xml");
    CHECK_THAT(xml, Catch::Contains(R"(<testsuite name="a.rules" tests="2" failures="1" time="0.750000">)"));
    CHECK_THAT(xml, Catch::Contains(R"(<testsuite name="b.rules" tests="1" failures="0" time="0.000000">)"));
    CHECK_THAT(xml, Catch::Contains(R"(<testcase name="bad ?&lt;&amp;>" classname="a.rules" file="a.rules" line="7")"));
    CHECK_THAT(xml,
               Catch::Contains(R"(<failure message="step 2 (line 8): expected drop, got pass" type="verdict" />)"));
    CHECK(!write_junit("/nonexistent/out.xml", {}));
}
