#include "grammar/base/seeded.h"

#include <catch2/catch.hpp>

#include "grammar/base/hash.h"

namespace weir {

// Reference values of splitmix64, from the generator's authors (seed 1234567).
TEST_CASE("a seed gives the same numbers everywhere") {
    Seeded random(1234567);
    CHECK(random.next() == 6457827717110365317u);
    CHECK(random.next() == 3203168211198807973u);
    CHECK(random.next() == 9817491932198370423u);
}

TEST_CASE("numbers are within their bounds") {
    Seeded random(1);
    CHECK(random.below(0) == 0);
    bool first = false, last = false;
    for (int i = 0; i < 1000; ++i) {
        const std::uint64_t number = random.between(3, 7);
        CHECK((number >= 3 && number <= 7));
        first = first || number == 3, last = last || number == 7;
        CHECK(random.below32(5) < 5);
    }
    CHECK((first && last));
    CHECK(random.between(9, 9) == 9);
    CHECK(random.between(0, ~0ull) != random.between(0, ~0ull));
}

// Test vectors of the FNV page (Landon Curt Noll): "", "a", "foobar".
TEST_CASE("FNV-1a") {
    CHECK(fnv1a("") == 0xcbf29ce484222325);
    CHECK(fnv1a("a") == 0xaf63dc4c8601ec8c);
    CHECK(fnv1a("foobar") == 0x85944171f73967e8);
    CHECK(fnv1a("bar", fnv1a("foo")) == fnv1a("foobar"));
    CHECK(fnv1a_32("") == 0x811c9dc5);
    CHECK(fnv1a_32("a") == 0xe40c292c);
    CHECK(fnv1a_32("foobar") == 0xbf9cf968);
}

}  // namespace weir
