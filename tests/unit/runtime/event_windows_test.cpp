#include <catch2/catch.hpp>

#include <map>
#include <random>
#include <string>

#include "runtime/state/event_windows.h"

using weir::runtime::EventWindows;

TEST_CASE("a window opens with a key's first event, has those before its end, and escalates once") {
    EventWindows windows(3, 100);
    CHECK_FALSE(windows.add("a", 10));
    CHECK_FALSE(windows.add("a", 20));
    CHECK_FALSE(windows.add("b", 25));  // keys do not share one
    CHECK(windows.add("a", 109));
    CHECK_FALSE(windows.add("a", 109));  // once a window
    CHECK_FALSE(windows.add("a", 110));  // the next one
    CHECK_FALSE(windows.add("a", 209));
    CHECK(windows.add("a", 209));
    CHECK_FALSE(windows.add("a", 210));
    CHECK_FALSE(windows.add("b", 5));  // of another CPU, before the first
    CHECK(windows.add("b", 124));
    EventWindows each(1, 100);
    CHECK(each.add("a", 0));
    CHECK_FALSE(each.add("a", 99));
    CHECK(each.add("a", 100));
}

TEST_CASE("memory is bounded: windows that are over go, then the one that opened first") {
    EventWindows windows(2, 1000, 3);
    for (const char* key : {"a", "b", "c"}) CHECK_FALSE(windows.add(key, 1));
    CHECK_FALSE(windows.add("d", 2));  // in the place of a
    CHECK(windows.evictions() == 1);
    CHECK(windows.keys() == 3);
    CHECK_FALSE(windows.add("a", 3));  // in the place of b
    CHECK(windows.add("c", 3));
    CHECK(windows.evictions() == 2);
    CHECK_FALSE(windows.add("e", 5000));  // all are over
    CHECK(windows.evictions() == 2);
    CHECK(windows.keys() == 1);
}

TEST_CASE("the same as a list of each key's windows") {
    std::mt19937_64 random(17);
    EventWindows windows(4, 50);
    struct Plain {
        std::uint64_t begin = 0, events = 0;
    };
    std::map<std::string, Plain> plain;
    std::uint64_t now = 0;
    for (int i = 0; i < 100'000; ++i) {
        now += random() % 4;
        const std::string key = std::to_string(random() % 9);
        Plain& window = plain[key];
        if (window.events == 0 || now - window.begin >= 50) window = {now, 0};
        INFO(i << " " << key << " at " << now);
        REQUIRE(windows.add(key, now) == (++window.events == 4));
    }
    CHECK(windows.evictions() == 0);
}
