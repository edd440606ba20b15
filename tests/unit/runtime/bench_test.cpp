// Percentiles of averages that were rounded down.
#include <catch2/catch.hpp>

#include "runtime/bench.h"

using namespace weir::runtime;

TEST_CASE("percentiles within values that are many times the same") {
    CHECK(percentiles_of_floors({}).p50 == 0);
    CHECK(percentiles_of_floors({7, 7, 7, 7}).p50 == Approx(7.5));
    // Three quarters of the batches are below 11: the median lies two thirds into the tens.
    CHECK(percentiles_of_floors({10, 10, 10, 11}).p50 == Approx(10 + 2.0 / 3));
    CHECK(percentiles_of_floors({11, 10, 10, 10}).p99 == Approx(11.96));
}
