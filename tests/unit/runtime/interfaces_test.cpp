#include <catch2/catch.hpp>

#include <cerrno>

#include "runtime/engine/interfaces.h"

using namespace weir;
using namespace weir::runtime;

TEST_CASE("interfaces must be there, and none may be named twice") {
    auto interfaces = Interfaces::find({"lo"});
    REQUIRE(interfaces);
    REQUIRE(interfaces->rows().size() == 1);
    CHECK(interfaces->rows()[0].name == "lo");
    CHECK(interfaces->rows()[0].index != 0);
    CHECK_FALSE(interfaces->all_attached());
    CHECK(interfaces->named("lo") == &interfaces->rows()[0]);
    CHECK(interfaces->named("lo2") == nullptr);
    CHECK(interfaces->name_of(interfaces->rows()[0].index) == "lo");
    CHECK(interfaces->name_of(0xfffffff) == "if268435455");

    CHECK_FALSE(Interfaces::find({}));
    CHECK(Interfaces::find({"lo", "lo"}).error().message == "interface lo is named twice");
    const auto missing = Interfaces::find({"lo", "nowhere0"});
    REQUIRE_FALSE(missing);
    CHECK(missing.error().number == ENODEV);
    CHECK_THAT(missing.error().message, Catch::Contains("nowhere0"));
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
