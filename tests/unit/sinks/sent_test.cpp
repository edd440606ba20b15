#include "runtime/sinks/sent.h"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using namespace weir::runtime;

TEST_CASE("answers come in any order; events are settled in theirs") {
    const std::vector<SpooledLine> lines = {{"a", "1"}, {"b", "2"}, {"c", "3"}, {"d", "4"}};
    Batch batch(lines);
    Sent sent;
    for (const SpooledLine& line : lines) CHECK(sent.begin(line.id));
    CHECK_FALSE(sent.begin("b"));
    CHECK(sent.waiting() == 4);
    sent.delivered("c");
    sent.lost("b", "too large");
    sent.settle(batch);
    CHECK(batch.size() == 4);
    sent.delivered("a");
    sent.settle(batch);
    CHECK(batch.size() == 1);
    CHECK(sent.waiting() == 1);
    CHECK(batch.outcomes()[0] == nullptr);
    CHECK(batch.outcomes()[1] == std::string("too large"));
    CHECK(batch.outcomes()[2] == nullptr);
}

TEST_CASE("only what the peer asks for once more is sent once more, and a second answer changes nothing") {
    const std::vector<SpooledLine> lines = {{"a", "1"}, {"b", "2"}};
    Batch batch(lines);
    Sent sent;
    sent.begin("a"), sent.begin("b");
    sent.delivered("b");
    sent.lost("b", "refused");
    sent.again("a");
    sent.again("a");
    sent.again("b");  // has been answered
    CHECK(sent.waiting() == 0);
    CHECK_FALSE(sent.begin("b"));
    CHECK(sent.begin("a"));
    sent.all_again();
    CHECK(sent.waiting() == 0);
    CHECK(sent.begin("a"));
    sent.delivered("a");
    sent.settle(batch);
    REQUIRE(batch.size() == 0);
    CHECK(batch.outcomes()[1] == nullptr);
    sent.delivered("a");  // late
    CHECK(sent.waiting() == 0);
}
