#include <catch2/catch.hpp>

#include <atomic>
#include <filesystem>
#include <thread>

#include "tests/kernel/wire.h"

extern "C" const char weir_template_hostile_begin[], weir_template_hostile_end[];
extern "C" const char weir_template_hostile_two_begin[], weir_template_hostile_two_end[];

using namespace weir;
using namespace weir::test;
using runtime::AttachMode;
using runtime::Engine;

namespace {

// Frames to port 9, which no policy lets through, and to port 10, until it is stopped. Each burst is heard before the
// next is sent, so that only the policy can lose one.
struct Load {
    Wire wire{};
    std::uint64_t sent = 0, passed = 0, marked_passed = 0;  // to be read once it is stopped
    bool lost = false;

    void stop() {
        stop_ = true;
        if (sender_.joinable()) sender_.join();
    }
    ~Load() { stop(); }

private:
    void send() {
        const Frame marked = udp(9), counted = udp(10);
        while (!stop_ && !lost) {
            constexpr int kBurst = 16;
            for (int i = 0; i < kBurst; ++i) {
                wire.send(marked);
                wire.send(counted);
            }
            sent += kBurst;
            passed = wire.passed(10, sent);
            marked_passed = wire.passed(9, sent);
            lost = passed != sent;
        }
    }

    std::atomic<bool> stop_ = false;
    std::thread sender_{[this] { send(); }};
};

}  // namespace

TEST_CASE("a swap under load loses no packet and no count; what both policies drop never passes", "[swap]") {
    const auto first = compiled(
        "rule marked { when udp.dport == 9 then alert hit, drop } rule counted { when udp.dport == 10 then pass } "
        "alert hit { message \"x\" }");
    const auto second = compiled(
        "rule other { when udp.dport == 11 then drop } rule more { when udp.dport == 12 then drop } "
        "rule counted { when udp.dport == 10 then pass } rule marked { when udp.dport == 9 then alert hit, drop } "
        "default drop alert hit { message \"y\" }");
    std::uint64_t events = 0;
    std::uint32_t newest = 0;
    bool in_order = true;
    auto options = on("b0");
    options.mode = GENERATE(AttachMode::kNative, AttachMode::kGeneric);
    options.on_event = [&](const runtime::Event& event) {
        ++events;
        in_order = in_order && event.record.generation >= newest;
        newest = std::max(newest, event.record.generation);
    };
    auto engine = Engine::start(first, options);
    REQUIRE(engine);

    Load load;
    constexpr std::uint32_t kSwaps = 20;
    std::uint64_t before = 0;
    bool never_fell = true;
    for (std::uint32_t i = 0; i < kSwaps; ++i) {
        const bool swapped = static_cast<bool>((*engine)->swap(i % 2 == 0 ? second : first));
        auto polled = (*engine)->poll(0);
        auto status = (*engine)->status();
        if (!swapped || !polled || !status) {
            load.stop();
            FAIL("swap");
        }
        const std::uint64_t now = rule(*status, "counted").packets;
        never_fell = never_fell && now >= before && now > 0;
        before = now;
    }
    load.stop();
    const std::uint64_t sent = load.sent;
    CHECK_FALSE(load.lost);
    CHECK(never_fell);
    CHECK(load.passed == sent);
    CHECK(load.marked_passed == 0);
    CHECK(load.wire.passed_in_all() == sent);
    while (*(*engine)->poll(0) != 0) continue;
    const auto status = status_of(**engine);
    CHECK(status.in_force.generation == kSwaps + 1);
    CHECK(rule(status, "counted").packets == sent);
    CHECK(rule(status, "marked").packets == sent);
    CHECK(status.default_.packets == 0);
    const auto hit = alert(status, "hit");
    CHECK(hit.matched == sent);
    CHECK(hit.matched == hit.delivered + hit.suppressed + hit.lost);
    CHECK(hit.delivered == events);
    CHECK(hit.pending == 0);
    CHECK(in_order);
    CHECK((*engine)->last_commit_ns() < 1'000'000);
}

TEST_CASE("counts go with a rule's name; a rule that left and came back begins anew", "[swap]") {
    auto engine = Engine::start(
        compiled("rule a { when udp.dport == 9 then drop } rule b { when udp.dport == 10 then drop }"), on("b0"));
    REQUIRE(engine);
    Wire wire;
    wire.send(udp(9), 3);
    wire.send(udp(10), 4);
    wire.send(udp(11), 1);
    wire.passed(11, 1);
    REQUIRE((*engine)->swap(
        compiled("rule new { when udp.dport == 12 then drop } rule b { when udp.dport == 10 then drop }")));
    auto status = status_of(**engine);
    CHECK(rule(status, "new").packets == 0);
    CHECK(rule(status, "b").packets == 4);
    CHECK(rule(status, "b").bytes == 4 * udp(10).size());
    CHECK(status.default_.packets == 1);
    CHECK(status.rules.size() == 2);
    wire.send(udp(10), 1);
    wire.send(udp(11), 1);
    wire.passed(11, 2);
    REQUIRE((*engine)->swap(
        compiled("rule a { when udp.dport == 9 then drop } rule b { when udp.dport == 10 then drop }")));
    status = status_of(**engine);
    CHECK(rule(status, "a").packets == 0);
    CHECK(rule(status, "b").packets == 5);
    CHECK(status.default_.packets == 2);
    CHECK(status.in_force.generation == 3);
}

TEST_CASE("a refused swap changes nothing and leaks nothing", "[swap]") {
    const auto good = compiled("rule a { when udp.dport == 9 then drop }");
    auto engine = Engine::start(good, on("b0"));
    REQUIRE(engine);
    const std::size_t fds = open_fds();
    const auto things = held();
    auto bad = compiled("default drop");
    SECTION("no ELF") { bad.elf.assign(100, 0); }
    SECTION("cut short") { bad.elf.resize(bad.elf.size() / 2); }
    SECTION("another policy's rules") { bad.manifest.rules.resize(70); }
    SECTION("a table that does not fit") { bad.tables.at(0).bytes.resize(1 << 20); }
    SECTION("a map that cannot be made") {
        bad.sizes.push_back({"weir_alert_accounts", 0xffffffff, 0, 0});
        bad.sizes.push_back({"weir_sets_hash", 1, 4096 << 10, 0});
        bad.sizes.push_back({"weir_clock", 0xffffffff, 0, 0});
    }
    auto refused = (*engine)->swap(bad);
    REQUIRE_FALSE(refused);
    CHECK_FALSE(refused.error().message.empty());
    CHECK(open_fds() == fds);
    CHECK(held() == things);
    CHECK(status_of(**engine).in_force.generation == 1);
    Wire wire;
    wire.send(udp(9), 2);
    wire.send(udp(10), 1);
    CHECK(wire.passed(10, 1) == 1);
    CHECK(rule(status_of(**engine), "a").packets == 2);
    REQUIRE((*engine)->swap(good));
    CHECK(status_of(**engine).in_force.generation == 2);
}

TEST_CASE("an object that asks for more than a policy gets none of it", "[swap]") {
    constexpr const char* kPin = "/sys/fs/bpf/weir_counters";
    auto engine = Engine::start(compiled("rule a { when udp.dport == 9 then drop }"), on("b0"));
    REQUIRE(engine);
    auto hostile = compiled("default pass");
    hostile.elf.assign(weir_template_hostile_begin, weir_template_hostile_end);
    hostile.tables.clear();
    SECTION("a map that is pinned stays in no file system") {
        REQUIRE((*engine)->swap(hostile));
        CHECK_FALSE(std::filesystem::exists(kPin));
    }
    SECTION("a second program is refused") {
        hostile.elf.assign(weir_template_hostile_two_begin, weir_template_hostile_two_end);
        const auto refused = (*engine)->swap(hostile);
        REQUIRE_FALSE(refused);
        CHECK_THAT(refused.error().message, Catch::Contains("more than one program"));
    }
}

TEST_CASE("two hundred swaps leave the same file descriptors, and nothing of the old policies", "[swap]") {
    const auto one = compiled("rule a { when udp.dport == 9 then alert x, drop } alert x { message \"x\" }");
    const auto two = compiled("rule b { when udp.dport == 9 then drop }");
    std::set<std::string> things;
    {
        auto engine = Engine::start(one, on("b0"));
        REQUIRE(engine);
        constexpr int kPairs = 4;  // as many as are kept to go back to, and more
        for (int i = 0; i < kPairs; ++i) REQUIRE(((*engine)->swap(two) && (*engine)->swap(one)));
        REQUIRE((*engine)->swap(two));
        const std::size_t fds = open_fds();
        const auto first = held();
        for (int i = 0; i < 100; ++i) {
            if (!(*engine)->swap(one) || !(*engine)->swap(two)) FAIL("swap");
        }
        CHECK(open_fds() == fds);
        things = held();
        CHECK(things.size() == first.size());
        std::set<std::string> old;
        for (const std::string& thing : first)
            if (!things.contains(thing)) old.insert(thing);
        CHECK(old.size() > 3);
        CHECK(are_gone(old));
        CHECK(status_of(**engine).in_force.generation == 210);
    }
    CHECK(are_gone(things));
}
