#include <catch2/catch.hpp>

#include <cerrno>

#include "runtime/engine/interfaces.h"

using namespace weir;
using namespace weir::runtime;

TEST_CASE("interfaces must be there, and none may be named twice") {
    auto interfaces = Interfaces::find({"lo"}, Missing::kRefused);
    REQUIRE(interfaces);
    REQUIRE(interfaces->rows().size() == 1);
    CHECK(interfaces->rows()[0].name == "lo");
    CHECK(interfaces->rows()[0].index != 0);
    CHECK_FALSE(interfaces->rows()[0].is_attached);
    CHECK(interfaces->named("lo") == &interfaces->rows()[0]);
    CHECK(interfaces->named("lo2") == nullptr);
    CHECK(interfaces->name_of(interfaces->rows()[0].index) == "lo");
    CHECK(interfaces->name_of(0xfffffff) == "if268435455");

    CHECK_FALSE(Interfaces::find({}, Missing::kTolerated));
    CHECK(Interfaces::find({"lo", "lo"}, Missing::kRefused).error().message == "interface lo is named twice");
    const auto missing = Interfaces::find({"lo", "nowhere0"}, Missing::kRefused);
    REQUIRE_FALSE(missing);
    CHECK(missing.error().number == ENODEV);
    CHECK_THAT(missing.error().message, Catch::Contains("nowhere0"));
    auto waiting = Interfaces::find({"nowhere0", "lo"}, Missing::kTolerated);
    REQUIRE(waiting);
    CHECK(waiting->rows()[0].index == 0);
    CHECK(waiting->rows()[1].index != 0);
    CHECK(Interfaces::find({"nowhere0", "nowhere0"}, Missing::kTolerated).error().message ==
          "interface nowhere0 is named twice");
}

TEST_CASE("what the kernel has of an interface, and what follows from it") {
    struct Row {
        const char* what;
        bool has_attachment;
        Observed seen;  // index, has_root, attached_index, link_index, has_root_in_link, link_interface
        Repair repair;
        const char* problem;
    };
    const Row rows[] = {
        {"as it should be", true, {5, true, 5, 5, true, ""}, Repair::kNone, ""},
        {"not there, never was", false, {}, Repair::kWait, ""},
        {"there now", false, {6, false, 0, 0, false, ""}, Repair::kAttach, ""},
        {"deleted", true, {0, false, 5, 0, true, ""}, Repair::kForget, "deleted"},
        {"renamed", true, {0, false, 5, 5, true, "lan0"}, Repair::kWait, "called lan0 now"},
        {"moved", true, {0, false, 5, 5, true, ""}, Repair::kWait, "another network namespace"},
        {"detached", true, {5, false, 5, 0, true, ""}, Repair::kAttach, "detached"},
        {"deleted and made again", true, {6, false, 5, 0, true, ""}, Repair::kAttach, "made again"},
        {"another program", true, {5, false, 5, 5, false, ""}, Repair::kUpdateLink, "another program"},
        {"renamed, and another came", true, {6, false, 5, 5, true, "lan0"}, Repair::kAttach, "is called lan0"},
        {"moved, and another came", true, {6, false, 5, 5, true, ""}, Repair::kAttach, "another network namespace"},
        {"moved, and another of its number came", true, {5, false, 5, 5, true, ""}, Repair::kAttach, "another network"},
    };
    for (const Row& row : rows) {
        INFO(row.what);
        const Finding found = examine(row.has_attachment, row.seen);
        CHECK(found.repair == row.repair);
        CHECK_THAT(found.problem, Catch::Contains(row.problem));
        CHECK(found.problem.empty() == (std::string(row.problem).empty()));
    }
}

TEST_CASE("a gap is counted once it has ended, and is as long as from the first time that it was opened") {
    Gaps gaps;
    gaps.close(5'000'000);  // nothing is open
    CHECK(gaps.count() == 0);
    gaps.open(10'000'000);
    gaps.open(40'000'000);
    CHECK(gaps.is_open());
    CHECK(gaps.count() == 0);
    gaps.close(58'000'000);
    CHECK_FALSE(gaps.is_open());
    CHECK(gaps.count() == 1);
    CHECK(gaps.last_ms() == 48);
    gaps.open(100'000'000);
    gaps.close(101'500'000);
    CHECK(gaps.count() == 2);
    CHECK(gaps.last_ms() == 1);
}
