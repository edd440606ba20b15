#include "service/duration.h"

#include <catch2/catch.hpp>

using namespace weir::service;

TEST_CASE("durations that people give") {
    CHECK(parse_duration_ms("500ms") == 500u);
    CHECK(parse_duration_ms("60s") == 60'000u);
    CHECK(parse_duration_ms("2m") == 120'000u);
    CHECK(parse_duration_ms("168h") == 604'800'000u);  // a week
    for (const char* text :
         {"", "1", "s", "0s", "1d", "169h", "604801s", "18446744073709551616ms", "-1s", "+1s", "1.5s", "1 s", "1s "})
        CHECK_FALSE(parse_duration_ms(text));
}
