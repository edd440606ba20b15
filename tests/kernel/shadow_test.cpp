// A candidate beside the policy in force.
#include <catch2/catch.hpp>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "tests/kernel/wire.h"

using namespace weir;
using namespace weir::test;
using runtime::Engine;

namespace {

constexpr const char* kLive =
    "rule marked { when udp.dport == 9 then alert hit, drop } rule kept { when udp.dport == 10 then pass } alert hit { "
    "message \"x\" }";
constexpr const char* kCandidate =
    "rule other { when udp.dport == 10 then alert hit, drop } rule same { when udp.dport == 12 then pass } alert hit { "
    "message \"y\" }";

void send_all(Wire& wire) {
    const std::uint64_t before = wire.passed_in_all();
    wire.send(udp(9), 5);
    wire.send(udp(10), 3);
    wire.send(udp(12), 2);
    wire.passed(10, before + 5);
    REQUIRE(wire.passed_in_all() == before + 5);
}

// An engine with a candidate beside it; each packet of send_all() came twice, the second time with the candidate there.
struct Compared {
    std::vector<std::string> samples{};
    std::vector<Frame> frames{};
    std::uint64_t events = 0;
    std::unique_ptr<Engine> engine{};
    Wire wire{};

    Compared() {
        auto options = on("b0");
        options.mode = GENERATE(runtime::AttachMode::kNative, runtime::AttachMode::kGeneric);
        options.on_disagreement = [this](const runtime::Disagreement& one) {
            samples.push_back(one.live + " / " + one.candidate);
            frames.emplace_back(one.frame.begin(), one.frame.end());
        };
        options.on_event = [this](const runtime::Event& event) { events += event.message == "x" ? 1 : 1000; };
        auto started = Engine::start(compiled(kLive), options);
        REQUIRE(started);
        engine = std::move(*started);
        send_all(wire);
        REQUIRE(engine->shadow(compiled(kCandidate), {"next.rules", {}}));
        send_all(wire);
    }
};

}  // namespace

TEST_CASE_METHOD(Compared, "a candidate is compared on the same packets, and enforces nothing", "[shadow]") {
    auto status = status_of(*engine);
    CHECK(status.in_force.generation == 1);
    CHECK(rule(status, "marked").packets == 10);
    CHECK(rule(status, "kept").packets == 6);
    CHECK(status.default_.packets == 4);
    REQUIRE(status.shadow);
    CHECK(status.shadow->origin.file == "next.rules");
    CHECK((status.shadow->packets == 10 && status.shadow->disagreements == 8 && status.shadow->unnamed == 0));
    REQUIRE(status.shadow->pairs.size() == 2);
    const auto& first = status.shadow->pairs[0];
    CHECK((first.live == "marked" && first.live_verdict == "drop" && first.candidate == "default" &&
           first.candidate_verdict == "pass" && first.packets == 5));
    const auto& second = status.shadow->pairs[1];
    CHECK((second.live == "kept" && second.live_verdict == "pass" && second.candidate == "other" &&
           second.candidate_verdict == "drop" && second.packets == 3));
    CHECK(poll_events(*engine, 10) == 10);
    CHECK(events == 10);
    REQUIRE(samples.size() == 8);
    CHECK(samples[0] == "drop by marked / pass by default");
    CHECK(samples[7] == "pass by kept / drop by other");
    CHECK(frames[0] == udp(9));
    CHECK(frames[7] == udp(10));
    const auto hit = alert(status_of(*engine), "hit");
    CHECK((hit.matched == 10 && hit.delivered == 10 && hit.pending == 0));
}

TEST_CASE_METHOD(Compared, "a candidate: promoted only under a bound", "[shadow]") {
    auto refused = engine->promote(8);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().number == EDOM);
    CHECK_THAT(refused.error().message, Catch::Contains("8 disagreements in 10 packets"));
    CHECK(status_of(*engine).shadow);
    REQUIRE(engine->promote(9));
    wire.send(udp(10), 1);
    wire.send(udp(9), 1);
    wire.passed(9, wire.passed_in_all() + 1);
    CHECK(wire.passed(9, 0) == 1);
    auto status = status_of(*engine);
    CHECK((status.in_force.generation == 2 && !status.shadow && status.in_force.origin.file == "next.rules"));
    CHECK(rule(status, "other").packets == 1);
    CHECK(status.default_.packets == 5);
    REQUIRE(engine->rollback());
    CHECK(rule(status_of(*engine), "marked").packets == 10);
}

TEST_CASE_METHOD(Compared, "a candidate: ended", "[shadow]") {
    engine->end_shadow();
    send_all(wire);
    auto status = status_of(*engine);
    CHECK_FALSE(status.shadow);
    CHECK(rule(status, "marked").packets == 15);
    CHECK(status.default_.packets == 6);
    CHECK(poll_events(*engine, 15) == 15);
    CHECK(alert(status_of(*engine), "hit").pending == 0);
    CHECK_FALSE(engine->promote());
}

TEST_CASE_METHOD(Compared, "a candidate: in place of another, then ended by a swap", "[shadow]") {
    REQUIRE(engine->shadow(compiled(kLive)));
    send_all(wire);
    CHECK(status_of(*engine).shadow->disagreements == 0);
    REQUIRE(engine->swap(compiled(kLive)));
    auto status = status_of(*engine);
    CHECK((status.in_force.generation == 2 && !status.shadow));
    CHECK(rule(status, "marked").packets == 15);
    const std::size_t fds = open_fds();
    for (int i = 0; i < 20; ++i) {
        REQUIRE(engine->shadow(compiled(kCandidate)));
        engine->end_shadow();
    }
    CHECK(open_fds() == fds);
}

TEST_CASE_METHOD(Compared, "a candidate: not while a policy waits to be confirmed", "[shadow]") {
    REQUIRE(engine->swap(compiled(kLive), {.confirm_within_ms = 60'000}));
    CHECK_FALSE(engine->shadow(compiled(kCandidate)));
}

TEST_CASE_METHOD(Compared, "a candidate: a candidate that cannot be loaded changes nothing", "[shadow]") {
    auto bad = compiled(kCandidate);
    bad.elf.resize(100);
    REQUIRE_FALSE(engine->shadow(bad));
    send_all(wire);
    CHECK(rule(status_of(*engine), "marked").packets == 15);
}

TEST_CASE("an engine is killed while it compares: the policy goes on, the next engine has its counts", "[shadow]") {
    auto options = on("b0");
    options.name = "shadowed";
    options.lifetime = runtime::Lifetime::kPinned;
    const auto live = compiled(kLive), candidate = compiled(kCandidate);
    const pid_t process = fork();
    REQUIRE(process >= 0);
    if (process == 0) {
        auto engine = Engine::start(live, options);
        if (!engine || !(*engine)->shadow(candidate)) _exit(1);
        kill(getpid(), SIGKILL);
    }
    int how = 0;
    REQUIRE((waitpid(process, &how, 0) == process && WIFSIGNALED(how)));
    Wire wire;
    send_all(wire);
    std::string said;
    options.on_notice = [&](const std::string& sentence) { said += sentence; };
    auto engine = Engine::start(live, options);
    REQUIRE(engine);
    CHECK_THAT(said, Catch::Contains("a comparison with a candidate ended"));
    send_all(wire);
    const auto status = status_of(**engine);
    CHECK(status.in_force.generation == 2);
    CHECK(rule(status, "marked").packets == 10);
    CHECK(rule(status, "kept").packets == 6);
    CHECK(poll_events(**engine, 10) == 10);
    CHECK(alert(status_of(**engine), "hit").pending == 0);
}
