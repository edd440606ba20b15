#include <catch2/catch.hpp>

#include "runtime/engine/sums.h"

using namespace weir;
using namespace weir::runtime;

namespace {

Loaded loaded(std::uint32_t number) {
    bpf::Object object;
    object.manifest.rules = {{"first", false, 1, ""}, {"second", false, 1, ""}};
    object.manifest.alerts.resize(1);
    object.manifest.alerts[0].name = "hit";
    auto generation = make_generation(number, object, {}, Lifetime::kProcess);
    REQUIRE(generation);
    generation->sent = {9};
    generation->sent_by_stand_ins = {2};
    generation->record.count(0, Record::Outcome::kDelivered);
    Loaded one{std::move(*generation), Program(), 1};
    one.counted = {{{1, 10}, {2, 20}, {3, 30}, {4, 40}}, {{9, 1, 1}}, {{"set s: (ip)", {5, 6, 0}}}};
    one.left = {{"gone", {7, 70}}};
    return one;
}

std::vector<std::uint8_t> written() {
    Loaded active = loaded(3), old = loaded(2);
    active.stand_in = StandIn{77, {{{1, 1}}, {}, {}}};
    Accounts accounts;
    accounts.add(*active.generation.manifest, active.counted);
    accounts.add_event("hit", Record::Outcome::kLost);
    SumsWriter out({4, 1, 3, true, 55}, accounts, {7, 8});
    out.add(active, Stage::kInForce);
    out.add(old, Stage::kKept);
    out.add(loaded(1).generation);
    return out.bytes();
}

}  // namespace

TEST_CASE("sums come back as they were saved") {
    const auto bytes = written();
    const auto sums = load_sums(bytes);
    REQUIRE(sums);
    CHECK(((*sums).newest == 4 && (*sums).auto_rollbacks == 1 && (*sums).in_force == 3 && (*sums).is_unconfirmed));
    CHECK((*sums).accounts.alert("hit").matched == 9);
    CHECK((*sums).replaced_root == 55);
    CHECK((*sums).finished == std::vector<std::uint32_t>{7, 8});
    CHECK((*sums).accounts.alert("hit").lost == 2);
    REQUIRE((*sums).generations.size() == 3);
    const SummedGeneration& active = (*sums).generations.at(3);
    CHECK(active.stage == Stage::kInForce);
    CHECK(active.alerts == std::vector<std::string>{"hit"});
    CHECK((active.taken.size() == 1 && active.taken[0].delivered == 1));
    CHECK((active.sent == std::vector<std::uint64_t>{9} && active.sent_by_stand_ins == std::vector<std::uint64_t>{2}));
    REQUIRE(active.counted.rows.size() == 4);
    CHECK((active.counted.rows[1].packets == 2 && active.counted.rows[1].bytes == 20));
    CHECK((active.counted.alerts.size() == 1 && active.counted.alerts[0].suppressed == 1));
    REQUIRE(active.counted.state.size() == 1);
    CHECK((active.counted.state[0].first == "set s: (ip)" && active.counted.state[0].second.refused == 6));
    REQUIRE(active.left.size() == 1);
    CHECK((active.left[0].first == "gone" && active.left[0].second.bytes == 70));
    REQUIRE(active.stand_in);
    CHECK((active.stand_in->program == 77 && active.stand_in->counted.rows.size() == 1));
    CHECK((*sums).generations.at(2).stage == Stage::kKept);
    CHECK_FALSE((*sums).generations.at(2).stand_in);
    CHECK((*sums).generations.at(1).stage == Stage::kDraining);
    CHECK((*sums).generations.at(1).counted.rows.empty());
}

TEST_CASE("sums with a changed byte, or without some, are refused") {
    auto bytes = written();
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] ^= 0x40;
        CHECK_FALSE(load_sums(bytes));
        bytes[i] ^= 0x40;
        CHECK_FALSE(load_sums(std::span(bytes).first(i)));
    }
    REQUIRE(load_sums(bytes));
}
