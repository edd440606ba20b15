#include <catch2/catch.hpp>

#include "runtime/engine/window.h"

using namespace weir::runtime;

TEST_CASE("events leave the window in its order, or are held until they are done with") {
    Window window;
    CHECK(window.empty());
    InFlight& first = window.add();
    first.position = 1;
    window.add().position = 2;
    window.add().position = 3;
    CHECK(window.front().position == 1);
    first.is_lost = true;
    window.hold_front();
    CHECK(window.front().position == 2);
    CHECK((first.is_held && first.position == 1));  // still there
    window.drop_front();
    window.drop_front();
    CHECK(window.empty());
    window.drop(first);
    // Memory that was used before begins anew.
    InFlight& again = window.add();
    CHECK((!again.is_lost && !again.is_held && again.is_counted && again.unsettled == 0 && again.escalated == 0));
}

TEST_CASE("a copy stands nowhere in the ring, and in no account") {
    Window window;
    InFlight& copy = window.add_copy();
    CHECK((copy.is_held && !copy.is_counted && window.empty()));
    window.drop(copy);
    CHECK(window.add().is_counted);
}
