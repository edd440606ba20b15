// Unified diffs: applied to the old text they give the new one.
#include "tooling/files/line_diff.h"

#include <catch2/catch.hpp>

#include <random>
#include <sstream>
#include <vector>

using namespace weir::tooling;

namespace {

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
        lines.push_back(text.substr(at, end - at));
        at = end;
    }
    return lines;
}

// What `patch` does, without tolerance: each line of context and each removed line must be there.
std::string patched(const std::string& before, const std::string& diff) {
    if (diff.empty()) return before;
    const std::vector<std::string> old = lines_of(before), steps = lines_of(diff);
    std::string out;
    std::size_t at = 0;
    REQUIRE(steps.size() > 2);
    for (std::size_t i = 2; i < steps.size(); ++i) {
        const bool ends_here = i + 1 < steps.size() && steps[i + 1][0] == '\\';
        std::string line = steps[i].substr(1);
        if (ends_here) line.pop_back();
        if (steps[i][0] == '@') {
            std::size_t begin = 0, count = 1;
            char comma = 0;
            std::istringstream range(steps[i].substr(4));
            range >> begin;
            if (range.peek() == ',') range >> comma >> count;
            const std::size_t first = count == 0 ? begin : begin - 1;
            REQUIRE(first >= at);
            while (at < first) out += old[at++];
        } else if (steps[i][0] == '+') {
            out += line;
        } else if (steps[i][0] != '\\') {
            REQUIRE(at < old.size());
            REQUIRE(old[at] == line);
            if (steps[i][0] == ' ') out += line;
            ++at;
        }
    }
    while (at < old.size()) out += old[at++];
    return out;
}

}  // namespace

TEST_CASE("a diff as patch reads it") {
    CHECK(unified_diff("a", "x\n", "x\n").empty());
    CHECK(unified_diff("a.rules", "1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n") ==
          "--- a.rules\n+++ a.rules\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
    CHECK(unified_diff("a", "", "x\n") == "--- a\n+++ a\n@@ -0,0 +1 @@\n+x\n");
    CHECK(unified_diff("a", "x\n", "") == "--- a\n+++ a\n@@ -1 +0,0 @@\n-x\n");
    CHECK(unified_diff("a", "x", "x\n") == "--- a\n+++ a\n@@ -1 +1 @@\n-x\n\\ No newline at end of file\n+x\n");
}

TEST_CASE("a diff of texts that differ much replaces them") {
    std::string before, after;
    for (int i = 0; i < 3000; ++i) {
        before += "a" + std::to_string(i) + "\n";
        after += "b" + std::to_string(i) + "\n";
    }
    CHECK(patched("same\n" + before, unified_diff("a", "same\n" + before, "same\n" + after)) == "same\n" + after);
}

TEST_CASE("a diff applied gives the other text, and is no longer than it must be") {
    std::mt19937 random(7);
    const auto below = [&](unsigned limit) { return static_cast<unsigned>(random() % limit); };
    for (int round = 0; round < 2000; ++round) {
        std::string before, after;
        for (unsigned i = below(30); i > 0; --i) {
            const std::string line = std::string(1, static_cast<char>('a' + below(4))) + "\n";
            const unsigned fate = below(6);
            if (fate != 0) before += line;
            if (fate != 1) after += line;
            if (fate == 2) after += "new\n";
        }
        if (below(4) == 0 && !before.empty()) before.pop_back();
        INFO("round " << round << "\n" << before << "----\n" << after);
        const std::string diff = unified_diff("n", before, after);
        CHECK(patched(before, diff) == after);
        CHECK(diff.empty() == (before == after));
        CHECK((first_changed_line(before, after) == 0) == (before == after));
    }
    CHECK(unified_diff("n", "a\nb\nc\n", "b\nc\nd\n") == "--- n\n+++ n\n@@ -1,3 +1,3 @@\n-a\n b\n c\n+d\n");
}

TEST_CASE("the first line that changed") {
    CHECK(first_changed_line("a\nb\n", "a\nc\n") == 2);
    CHECK(first_changed_line("a\n", "a\nb\n") == 2);
    CHECK(first_changed_line("a\n", "a\n") == 0);
}
