#include <catch2/catch.hpp>

#include <chrono>
#include <thread>

#include "runtime/kernel.h"
#include "tests/kernel/wire.h"

using namespace weir;
using namespace weir::test;
using runtime::Engine;

namespace {

constexpr const char* kOld =
    "rule counted { when udp.dport == 10 then pass } rule old { when udp.dport == 9 then drop }";
constexpr const char* kNew = "rule shut { when udp.dport == 10 then drop } rule old { when udp.dport == 9 then drop }";

std::unique_ptr<Engine> started(const std::string& policy, runtime::EngineOptions options = on("b0")) {
    auto engine = Engine::start(compiled(policy), std::move(options));
    REQUIRE(engine);
    return std::move(*engine);
}

void wait_ms(int time) { std::this_thread::sleep_for(std::chrono::milliseconds(time)); }

}  // namespace

TEST_CASE("the kernel alone goes back within 100 ms of the deadline, under traffic", "[confirm]") {
    std::string said;
    auto options = on("b0");
    options.on_notice = [&](const std::string& sentence) { said += sentence; };
    auto engine = started(kOld, options);
    Wire wire;
    constexpr std::uint64_t kWithin_ms = 400, kLongest_ns = 10'000'000'000;
    REQUIRE(engine->swap(compiled(kNew), {.confirm_within_ms = kWithin_ms}));
    const std::uint64_t armed_ns = runtime::monotonic_ns();
    // Nobody calls the engine meanwhile: it is the kernel that goes back.
    std::uint64_t back_ns = 0;
    std::uint64_t shut = 0;
    while (back_ns == 0 && runtime::monotonic_ns() - armed_ns < kLongest_ns) {
        wire.send(udp(10));
        wire.send(udp(11));
        wire.passed(11, wire.passed_in_all() + 1);
        wire.passed(10, 0);
        if (wire.passed(10, 0) > 0)
            back_ns = runtime::monotonic_ns();
        else
            ++shut;
    }
    REQUIRE(back_ns != 0);
    const auto late_ms = static_cast<double>(back_ns - armed_ns) / 1e6 - static_cast<double>(kWithin_ms);
    CHECK(late_ms > -50);  // the deadline was set before the swap's wait for the last packet
    CHECK(late_ms < 100);
    CHECK(shut > 10);
    CHECK(said.empty());
    const auto status = status_of(*engine);
    CHECK(status.in_force.generation == 1);
    CHECK(status.auto_rollbacks == 1);
    CHECK_FALSE(status.in_force.confirm_within_ms);
    CHECK(status.history.empty());
    CHECK(said == "generation 2 was not confirmed in time: generation 1 is in force again");
    auto late = engine->confirm();
    REQUIRE_FALSE(late);
    CHECK_THAT(late.error().message, Catch::Contains("needs no confirmation"));
    REQUIRE(engine->swap(compiled(kNew)));
    CHECK(status_of(*engine).in_force.generation == 3);
}

TEST_CASE("without a packet the engine goes back by itself", "[confirm]") {
    auto engine = started(kOld);
    REQUIRE(engine->swap(compiled(kNew), {.confirm_within_ms = 50}));
    REQUIRE(engine->confirm_within_ms());
    wait_ms(60);
    REQUIRE(engine->poll(0));
    CHECK_FALSE(engine->confirm_within_ms());
    CHECK(status_of(*engine).in_force.generation == 1);
}

TEST_CASE("a policy that is confirmed stays", "[confirm]") {
    auto engine = started(kOld);
    CHECK_FALSE(engine->confirm());
    REQUIRE(engine->swap(compiled(kNew), {.confirm_within_ms = 2000}));
    CHECK(status_of(*engine).in_force.confirm_within_ms);
    REQUIRE(engine->confirm());
    CHECK_FALSE(status_of(*engine).in_force.confirm_within_ms);
    wait_ms(2050);
    Wire wire;
    wire.send(udp(10));
    wire.send(udp(11));
    CHECK(wire.passed(11, 1) == 1);
    CHECK(wire.passed(10, 1) == 0);
    CHECK(status_of(*engine).in_force.generation == 2);
}

TEST_CASE("what was never confirmed is nothing to go back to", "[confirm]") {
    auto engine = started(kOld);
    REQUIRE(engine->swap(compiled(kNew), {.confirm_within_ms = 60'000}));
    SECTION("another that is to be confirmed falls back to the one before both") {
        REQUIRE(engine->swap(compiled("default drop"), {.confirm_within_ms = 50}));
        wait_ms(60);
        CHECK(status_of(*engine).in_force.generation == 1);
    }
    SECTION("one that is in force for good ends the wait") {
        REQUIRE(engine->swap(compiled("default drop")));
        const auto status = status_of(*engine);
        CHECK(status.in_force.generation == 3);
        CHECK_FALSE(status.in_force.confirm_within_ms);
        REQUIRE(status.history.size() == 1);
        CHECK(status.history[0].generation == 1);
    }
    SECTION("a rollback ends the wait") {
        REQUIRE(engine->rollback());
        CHECK(status_of(*engine).in_force.generation == 1);
        CHECK_FALSE(engine->confirm_within_ms());
    }
    SECTION("a refused reload leaves the wait as it was") {
        auto bad = compiled("default drop");
        bad.elf.resize(100);
        REQUIRE_FALSE(engine->swap(bad));
        CHECK(status_of(*engine).in_force.confirm_within_ms.value_or(0) > 50'000);
    }
}

TEST_CASE("five policies to go back to, each with its counts", "[confirm]") {
    auto engine = started("rule n1 { when udp.dport == 1 then drop } rule all { when udp.dport == 9 then drop }");
    Wire wire;
    std::uint64_t beacons = 0;
    const auto send = [&](std::uint16_t port) {
        wire.send(udp(port));
        wire.send(udp(100));
        REQUIRE(wire.passed(100, beacons + 1) == beacons + 1);
        ++beacons;
    };
    CHECK_FALSE(engine->rollback());
    for (int number = 1; number <= 7; ++number) {
        if (number > 1)
            REQUIRE(engine->swap(compiled("rule n" + std::to_string(number) +
                                          " { when udp.dport == " + std::to_string(number) +
                                          " then drop } rule all { when udp.dport == 9 then drop }")));
        send(static_cast<std::uint16_t>(number));
        send(9);
    }
    CHECK(status_of(*engine).history.size() == 5);
    for (int number = 6; number >= 2; --number) {
        REQUIRE(engine->rollback());
        const auto status = status_of(*engine);
        CHECK(status.in_force.generation == static_cast<std::uint32_t>(number));
        CHECK(rule(status, "n" + std::to_string(number)).packets == 1);
        CHECK(rule(status, "all").packets == static_cast<std::uint64_t>(7 + 6 - number));
        CHECK(status.default_.packets == beacons);
        send(9);
    }
    auto none = engine->rollback();
    REQUIRE_FALSE(none);
    CHECK_THAT(none.error().message, Catch::Contains("no policy to go back to"));
    CHECK(rule(status_of(*engine), "all").packets == 12);
    REQUIRE(engine->swap(compiled("default drop")));
    CHECK(status_of(*engine).in_force.generation == 8);
}

TEST_CASE("events of a policy that is gone back to, and of the one that was left, are all delivered", "[confirm]") {
    std::vector<std::uint32_t> generations;
    auto options = on("b0");
    options.on_event = [&](const runtime::Event& event) { generations.push_back(event.record.generation); };
    constexpr const char* kAlerts = "rule a { when udp.dport == 9 then alert hit, drop } alert hit { message \"x\" }";
    auto engine = started(kAlerts, options);
    Wire wire;
    wire.send(udp(9), 2);
    wire.send(udp(10));
    wire.passed(10, 1);
    REQUIRE(engine->swap(compiled(std::string(kAlerts) + " rule more { when udp.dport == 12 then drop }")));
    wire.send(udp(9), 3);
    wire.send(udp(10));
    wire.passed(10, 2);
    REQUIRE(engine->rollback());
    wire.send(udp(9), 1);
    wire.send(udp(10));
    wire.passed(10, 3);
    CHECK(poll_events(*engine, 6) == 6);
    CHECK(generations == std::vector<std::uint32_t>{1, 1, 2, 2, 2, 1});
    const auto hit = alert(status_of(*engine), "hit");
    CHECK(hit.matched == 6);
    CHECK(hit.delivered == 6);
    CHECK(hit.pending == 0);
}
