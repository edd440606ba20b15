// An engine of weir 0.1 was killed; one of today takes its place.
#include <catch2/catch.hpp>

#include <bpf/bpf.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "bpf/abi.h"
#include "runtime/engine/pins.h"
#include "tests/kernel/older_engine.h"
#include "tests/kernel/stops.h"
#include "tests/kernel/wire.h"

using namespace weir;
using namespace weir::test;
using runtime::Engine;
using runtime::Pins;

namespace {

runtime::EngineOptions options_for(std::string* said = nullptr) {
    auto options = on("b0");
    options.name = kOlderName;
    options.lifetime = runtime::Lifetime::kPinned;
    if (said != nullptr) options.on_notice = [said](const std::string& sentence) { *said += sentence + "\n"; };
    return options;
}

std::uint32_t link_id() {
    auto pins = Pins::open(kOlderName);
    REQUIRE(pins);
    const auto link = pins->get("link-b0");
    bpf_link_info info{};
    __u32 length = sizeof(info);
    REQUIRE(bpf_obj_get_info_by_fd(link.get(), &info, &length) == 0);
    return info.id;
}

// From an address that the older engine's set has.
Frame banned() {
    Frame frame = udp(10);
    const std::uint8_t source[] = {198, 51, 100, 7};
    std::copy(std::begin(source), std::end(source), frame.begin() + 26);
    return frame;
}

// `sent`: of each class since it was killed.
void check_taken_over(const runtime::EngineStatus& status, const Engine& engine, std::uint64_t sent) {
    CHECK(rule(status, "marked").packets == kOlderMarked + sent);
    CHECK(rule(status, "counted").packets == kOlderCounted + sent);
    CHECK(rule(status, "banned").packets == sent);
    CHECK(status.default_.packets == kOlderDefault);
    const auto hit = alert(status, "hit");
    CHECK(hit.matched == kOlderMarked + sent);
    CHECK(hit.lost >= kOlderWaiting);
    CHECK(hit.matched == hit.delivered + hit.suppressed + hit.lost + hit.pending);
    CHECK(members(engine, "bans") == std::vector<std::string>{"198.51.100.7", "198.51.100.8", "2001:db8::7"});
    CHECK(members(engine, "ports") == std::vector<std::string>{"4000"});
    CHECK(status.interfaces[0].gaps == 0);
    CHECK(status.problems.empty());
    CHECK_FALSE(Pins::has_beside(kOlderName));
}

}  // namespace

TEST_CASE("an engine of 0.1 is replaced without a gap; its counts and sets go on", "[upgrade]") {
    leave_older_engine();
    const auto object = compiled(older_policy());
    Wire wire;
    std::uint64_t sent = 0;
    std::atomic<bool> stop = false, missed = false;
    std::thread load([&] {
        while (!stop && !missed) {
            wire.send(udp(9)), wire.send(banned()), wire.send(udp(10));
            ++sent;
            missed = wire.passed(10, sent) != sent;
        }
    });
    std::string said;
    auto engine = Engine::start(object, options_for(&said));
    usleep(20'000);
    stop = true;
    load.join();
    REQUIRE(engine);
    INFO(said);
    CHECK_FALSE(missed);
    CHECK(wire.passed(9, 0) == 0);
    while (*(*engine)->poll(0) != 0) continue;
    const auto status = status_of(**engine);
    CHECK(status.in_force.generation == 3);
    check_taken_over(status, **engine, sent);
    CHECK_THAT(said, Catch::Contains("took the place of an engine of an older version: policy policy, generation 2"));
    CHECK(has_program("b0"));
    engine->reset();
    CHECK_FALSE(std::filesystem::exists(runtime::kPinRoot));
}

TEST_CASE("killed at each system call of an upgrade: no packet passes, each count goes on once", "[upgrade]") {
    const auto object = compiled(older_policy());
    bool killed = true;
    for (int stop = 1; killed; stop += stop_stride(97)) {
        INFO("killed at stop " << stop);
        leave_older_engine();
        const std::uint32_t link = link_id();
        const pid_t process = fork();
        REQUIRE(process >= 0);
        if (process == 0) {
            begin_stops();
            const auto engine = Engine::start(object, options_for());
            kill(engine ? getpid() : 0, SIGKILL);
            _exit(1);
        }
        killed = kill_at_stop(process, stop);
        Wire wire;
        wire.send(udp(9), 2), wire.send(banned(), 2), wire.send(udp(10), 2);
        REQUIRE(wire.passed(10, 2) == 2);
        CHECK(wire.passed_in_all() == 2);
        REQUIRE(link_id() == link);
        std::string said;
        auto engine = Engine::start(object, options_for(&said));
        INFO(said);
        REQUIRE(engine);
        while (*(*engine)->poll(0) != 0) continue;
        check_taken_over(status_of(**engine), **engine, 2);
        engine->reset();
        REQUIRE_FALSE(std::filesystem::exists(runtime::kPinRoot));
    }
}

TEST_CASE("what an engine of another version left is replaced, too, where it cannot be read", "[upgrade]") {
    leave_older_engine();
    std::string expected;
    {
        auto pins = Pins::open(kOlderName);
        REQUIRE(pins);
        SECTION("of a version that nobody knows") {
            const auto word = pins->get("word");
            weir_root value{};
            const std::uint32_t zero = 0;
            REQUIRE(bpf_map_lookup_elem(word.get(), &zero, &value) == 0);
            value.abi = 4;
            REQUIRE(bpf_map_update_elem(word.get(), &zero, &value, BPF_ANY) == 0);
            expected = "its ABI is 4, which this weir cannot read";
        }
        SECTION("records that are none") {
            REQUIRE(pins->keep("record-2", pins->get("word").get()));
            expected = "is not as weir 0.1 wrote it";
        }
        SECTION("sums of another size") {
            REQUIRE(pins->keep("sums", pins->get("record-1").get()));
            expected = "is not as weir 0.1 wrote it";
        }
    }
    std::string said;
    auto engine = Engine::start(compiled(older_policy()), options_for(&said));
    REQUIRE(engine);
    CHECK_THAT(said, Catch::Contains(expected));
    CHECK(rule(status_of(**engine), "marked").packets == 0);
    Wire wire;
    wire.send(udp(9)), wire.send(udp(10));
    CHECK(wire.passed(10, 1) == 1);
    CHECK(wire.passed(9, 1) == 0);
    CHECK(rule(status_of(**engine), "marked").packets == 1);
    engine->reset();
    CHECK_FALSE(std::filesystem::exists(runtime::kPinRoot));
}

TEST_CASE("a policy that is refused leaves the older engine's in force", "[upgrade]") {
    leave_older_engine();
    auto bad = compiled(older_policy());
    bad.elf.resize(100);
    REQUIRE_FALSE(Engine::start(bad, options_for()));
    CHECK_FALSE(Pins::has_beside(kOlderName));
    Wire wire;
    wire.send(udp(9)), wire.send(udp(10));
    CHECK(wire.passed(10, 1) == 1);
    CHECK(wire.passed(9, 1) == 0);
    auto engine = Engine::start(compiled(older_policy()), options_for());
    REQUIRE(engine);
    CHECK(rule(status_of(**engine), "marked").packets == kOlderMarked + 1);
}
