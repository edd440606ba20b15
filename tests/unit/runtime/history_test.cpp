#include <catch2/catch.hpp>

#include "runtime/engine/history.h"

using namespace weir;
using namespace weir::runtime;

namespace {

// A policy that has put `sent` events of its one alert into the ring.
Loaded loaded(std::uint32_t number, std::uint32_t slot, std::uint64_t sent = 0) {
    bpf::Object object;
    object.manifest.policy = "p" + std::to_string(number);
    object.manifest.alerts.resize(1);
    auto generation = make_generation(number, object, {}, Lifetime::kProcess);
    REQUIRE(generation);
    generation->sent = {sent};
    return {std::move(*generation), Program(), slot};
}

std::vector<std::uint32_t> kept(const History& history) {
    std::vector<std::uint32_t> numbers;
    for (const Loaded& old : history.kept()) numbers.push_back(old.generation.number);
    return numbers;
}

std::vector<std::uint32_t> retired(const History& history) {
    std::vector<std::uint32_t> numbers;
    for (const Loaded& old : history.retired()) numbers.push_back(old.generation.number);
    return numbers;
}

using Numbers = std::vector<std::uint32_t>;

}  // namespace

TEST_CASE("five policies are kept; the oldest is retired for a sixth, and keeps its slot until the sums are saved") {
    History history;
    CHECK(history.empty());
    for (std::uint32_t n = 1; n <= 5; ++n) history.keep(loaded(n, n));
    CHECK(kept(history) == Numbers{1, 2, 3, 4, 5});
    CHECK(history.retired().empty());
    history.keep(loaded(6, 6));
    CHECK(kept(history) == Numbers{2, 3, 4, 5, 6});
    CHECK(retired(history) == Numbers{1});
    auto freed = history.take_retired();
    REQUIRE(freed.size() == 1);
    CHECK(freed[0].slot == 1);
    CHECK(history.retired().empty());
    history.keep(loaded(7, 1));  // its slot is free again
    CHECK(kept(history) == Numbers{3, 4, 5, 6, 7});
}

TEST_CASE("the newest is restored; another may be kept in its place") {
    History history;
    for (std::uint32_t n = 1; n <= 3; ++n) history.keep(loaded(n, n));
    CHECK(history.restore().generation.number == 3);
    CHECK(history.restore().generation.number == 2);
    CHECK(kept(history) == Numbers{1});
    history.keep(loaded(5, 4));
    CHECK(kept(history) == Numbers{1, 5});
}

TEST_CASE("a generation drains until its last event has been read, and is finished then") {
    History history;
    history.drain(loaded(1, 0, 2).generation);
    history.drain(loaded(2, 0).generation);  // nothing waits
    CHECK(history.take_finished() == Numbers{2});
    REQUIRE(history.draining().size() == 1);
    Generation* old = history.find(1);
    REQUIRE(old != nullptr);
    CHECK(old->waiting(0) == 2);
    old->record.count(0, Record::Outcome::kDelivered);
    CHECK_FALSE(history.finish_drained());
    CHECK(history.take_finished().empty());
    old->record.count(0, Record::Outcome::kLost);
    CHECK(old->waiting(0) == 0);
    CHECK(history.finish_drained());
    CHECK(history.find(1) == nullptr);
    CHECK(history.take_finished() == Numbers{1});
    CHECK(history.take_finished().empty());
}

TEST_CASE("an event finds its generation wherever it is kept") {
    History history;
    history.keep(loaded(1, 1, 1));
    history.retire(loaded(2, 2, 1));
    history.drain(loaded(3, 0, 1).generation);
    for (std::uint32_t n = 1; n <= 3; ++n) {
        REQUIRE(history.find(n) != nullptr);
        CHECK(history.find(n)->number == n);
    }
    CHECK(history.find(4) == nullptr);
    // A retired one drains once its program has ended.
    for (Loaded& old : history.take_retired()) history.drain(std::move(old.generation));
    REQUIRE(history.find(2) != nullptr);
    CHECK(history.draining().size() == 2);
}
