#include "runtime/print_seed.h"

#include <catch2/catch.hpp>

using namespace weir::runtime;

TEST_CASE("the secret of prints is the same each time, odd, and known where time is virtual") {
    weir_settings live{}, again{}, test{};
    test.virtual_clock = 1;
    set_print_by(live), set_print_by(again), set_print_by(test);
    constexpr std::uint64_t kTest[] = WEIR_TEST_PRINT_BY;
    for (std::size_t i = 0; i < WEIR_PRINT_STEP_WORDS; ++i) {
        CHECK(live.print_by[i] == again.print_by[i]);
        CHECK(live.print_by[i] % 2 == 1);
        CHECK(live.print_by[i] != kTest[i]);
        CHECK(test.print_by[i] == kTest[i]);
        CHECK(live.print_by[i] != live.print_by[(i + 1) % WEIR_PRINT_STEP_WORDS]);
    }
}
