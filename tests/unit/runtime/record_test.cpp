#include <catch2/catch.hpp>

#include <utility>

#include "runtime/bytes.h"
#include "runtime/engine/journal.h"
#include "runtime/engine/record.h"

using namespace weir;
using namespace weir::runtime;

namespace {
const std::vector<std::uint8_t> kRest{1, 2, 3, 4, 5, 6, 7, 8, 9};

Record record(std::size_t alerts) {
    auto made = Record::create(7, alerts, kRest, Lifetime::kProcess);
    REQUIRE(made);
    return std::move(*made);
}
}  // namespace

TEST_CASE("a record counts events by alert, and keeps what it was made of") {
    Record made = record(2);
    CHECK(made.generation() == 7);
    CHECK(made.read() == 0);
    REQUIRE(made.alerts().size() == 2);
    made.count(1, Record::Outcome::kDelivered);
    made.count(1, Record::Outcome::kLost);
    made.count(0, Record::Outcome::kDelivered);
    CHECK(made.read() == 3);
    CHECK((made.alerts()[0].delivered == 1 && made.alerts()[0].lost == 0));
    CHECK((made.alerts()[1].delivered == 1 && made.alerts()[1].lost == 1));
    const auto rest = made.rest();
    CHECK(std::vector<std::uint8_t>(rest.begin(), rest.end()) == kRest);
    CHECK(record(0).alerts().empty());
}

TEST_CASE("an event whose delivery was cut short counts once, and is known to come again") {
    Record made = record(1);
    auto journal = Journal::create(Lifetime::kProcess);
    REQUIRE(journal);
    CHECK_FALSE(journal->interrupted(0));
    for (std::uint64_t position = 0; position < 3 * 64; position += 64) {
        journal->begin({position, 7, 0, made.read(), made.alerts()[0]});
        made.count(0, Record::Outcome::kDelivered);
    }
    // Killed before the ring said that the third has been taken.
    CHECK_FALSE(journal->interrupted(3 * 64));
    const auto cut = journal->interrupted(2 * 64);
    REQUIRE(cut);
    CHECK((cut->generation == 7 && cut->alert == 0 && cut->read == 2));
    made.restore(cut->alert, cut->read, cut->before);
    CHECK((made.read() == 2 && made.alerts()[0].delivered == 2 && made.alerts()[0].repeated == 0));
    journal->begin({2 * 64, 7, 0, made.read(), made.alerts()[0]});
    made.repeat(0);
    made.count(0, Record::Outcome::kDelivered);
    CHECK((made.read() == 3 && made.alerts()[0].delivered == 3 && made.alerts()[0].repeated == 1));
    // Undone twice, by an engine that was killed while it did so: the same again.
    made.restore(0, cut->read, cut->before);
    CHECK((made.read() == 2 && made.alerts()[0].delivered == 2 && made.alerts()[0].repeated == 0));
}

TEST_CASE("a journal knows how far events were handed to sinks, and names its ring") {
    auto journal = Journal::create(Lifetime::kProcess);
    auto other = Journal::create(Lifetime::kProcess);
    REQUIRE((journal && other));
    CHECK(journal->ring() != 0);
    CHECK(journal->ring() != other->ring());
    CHECK(journal->handed() == 0);
    journal->hand(640);
    journal->hand(64);  // of one that went on: events come again
    CHECK(journal->handed() == 640);
}

TEST_CASE("an event that only the engine's memory has is read, and lost where the engine is killed") {
    Record made = record(2);
    made.hold(0);
    made.hold(0);
    made.repeat(1);
    made.hold(1);
    CHECK((made.read() == 3 && made.holds()));
    made.release(0, Record::Outcome::kDelivered);
    CHECK((made.alerts()[0].delivered == 1 && made.alerts()[0].held == 1));
    made.lose_held();
    CHECK_FALSE(made.holds());
    CHECK((made.alerts()[0].lost == 1 && made.alerts()[1].lost == 1 && made.alerts()[1].repeated == 1));
}

TEST_CASE("a checksum notices each changed, missing or additional byte") {
    std::vector<std::uint8_t> bytes(100);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * 7);
    const std::uint64_t sum = checksum(bytes);
    for (std::size_t i = 0; i < bytes.size(); ++i)
        for (const int bit : {1, 16, 128}) {
            const std::uint8_t before = std::exchange(bytes[i], static_cast<std::uint8_t>(bytes[i] ^ bit));
            CHECK(checksum(bytes) != sum);
            bytes[i] = before;
        }
    CHECK(checksum(bytes) == sum);
    for (std::size_t size = 0; size < bytes.size(); ++size) CHECK(checksum(std::span(bytes).first(size)) != sum);
    bytes.push_back(0);
    CHECK(checksum(bytes) != sum);
    CHECK(checksum({}) != checksum(std::vector<std::uint8_t>{0}));
}
