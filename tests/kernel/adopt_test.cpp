// Evaluators that are killed, and those that go on in their place.
#include <catch2/catch.hpp>

#include <bpf/bpf.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "bpf/abi.h"
#include "grammar/base/seeded.h"
#include "runtime/engine/pins.h"
#include "runtime/kernel.h"
#include "tests/kernel/wire.h"

using namespace weir;
using namespace weir::test;
using runtime::Engine;
using runtime::Lifetime;

namespace {

// That this process has taken of the processors.
std::uint64_t processor_ns() {
    timespec time{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_nsec);
}

constexpr const char* kPolicy =
    "rule marked { when udp.dport == 9 then alert hit, drop } rule counted { when udp.dport == 10 then pass } "
    "alert hit { message \"x\" }";
constexpr const char* kOther =
    "rule other { when udp.dport == 11 then drop } rule counted { when udp.dport == 10 then pass } "
    "rule marked { when udp.dport == 9 then alert hit, drop } alert hit { message \"x\" }";

runtime::EngineOptions pinned(const std::string& name = "one") {
    auto options = on("b0");
    options.name = name;
    options.lifetime = Lifetime::kPinned;
    return options;
}

// A process with an engine; `life` is what it does before it kills itself, as kill -9 would.
template <typename Life>
void killed_engine(const runtime::EngineOptions& options, const std::string& policy, const Life& life) {
    const auto object = compiled(policy);
    const pid_t process = fork();
    REQUIRE(process >= 0);
    if (process == 0) {
        auto engine = Engine::start(object, options);
        if (engine) life(**engine);
        if (!engine) std::fprintf(stderr, "%s\n", engine.error().message.c_str());
        if (!engine) _exit(1);
        kill(getpid(), SIGKILL);
    }
    int how = 0;
    REQUIRE(waitpid(process, &how, 0) == process);
    REQUIRE((WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL));
}

bool any_pins() { return std::filesystem::exists(runtime::kPinRoot); }

}  // namespace

TEST_CASE("what a policy remembers goes on where its engine was killed", "[adopt]") {
    const std::string policy =
        "set blocked : port size 100 "
        "rule known { when udp.dport in blocked then drop } "
        "rule few { when udp.dport == 9 and count(ip.src, in 1h) > 3 then add udp.dport to blocked for 1h, drop }";
    killed_engine(pinned(), policy, [](Engine& engine) {
        static_cast<void>(engine.swap(
            compiled("rule first { when udp.dport == 1 then pass } " +
                     std::string("set blocked : port size 100 rule known { when udp.dport in blocked then drop } "
                                 "rule few { when udp.dport == 9 and count(ip.src, in 1h) > 3 then add udp.dport to "
                                 "blocked for 1h, drop }"))));
    });
    Wire wire;
    wire.send(udp(9), 2);
    CHECK(wire.passed(9, 2) == 2);
    auto engine = Engine::start(compiled(policy), pinned());
    REQUIRE(engine);
    // Two were counted before it died: the fourth in all is one too many, and what it adds is seen by the next.
    wire.send(udp(9), 4);
    CHECK(wire.passed(9, 4) == 3);
    auto set = (*engine)->set("blocked");
    REQUIRE(set);
    const auto entries = set->count();
    REQUIRE(entries);
    CHECK(*entries == 1);
    (*engine)->detach();
    CHECK_FALSE(any_pins());
}

TEST_CASE("a killed engine leaves policy, counts and events; the next goes on with them", "[adopt]") {
    killed_engine(pinned(), kPolicy, [](Engine& engine) { static_cast<void>(engine.swap(compiled(kOther))); });
    REQUIRE(has_program("b0"));
    Wire wire;
    wire.send(udp(9), 5);
    wire.send(udp(11), 2);
    wire.send(udp(10), 3);
    CHECK(wire.passed(10, 3) == 3);
    CHECK(wire.passed(9, 3) == 0);

    std::string said;
    std::uint64_t events = 0;
    auto options = pinned();
    options.on_notice = [&](const std::string& sentence) { said += sentence + "\n"; };
    options.on_event = [&](const runtime::Event& event) { events += event.record.generation == 2 ? 1 : 100; };
    const std::uint64_t begin_ns = processor_ns();
    auto engine = Engine::start(compiled(kPolicy), options);
    REQUIRE(engine);
    CHECK(processor_ns() - begin_ns < 1'000'000'000);  // others may have the CPU meanwhile
    CHECK_THAT(said,
               Catch::Contains("went on with what an engine that was killed left in force: policy test, generation 2"));
    auto status = status_of(**engine);
    CHECK(status.in_force.generation == 3);
    CHECK(rule(status, "marked").packets == 5);
    CHECK(rule(status, "counted").packets == 3);
    CHECK(alert(status, "hit").pending == 5);
    CHECK(poll_events(**engine, 5) == 5);
    CHECK(events == 5);
    const auto hit = alert(status_of(**engine), "hit");
    CHECK((hit.matched == 5 && hit.delivered == 5 && hit.lost == 0 && hit.pending == 0));
    REQUIRE((*engine)->rollback());  // to what the other engine had loaded
    CHECK(rule(status_of(**engine), "other").packets == 2);
    (*engine)->detach();
    CHECK_FALSE(has_program("b0"));
    CHECK_FALSE(any_pins());
}

TEST_CASE("sums outlive several engines", "[adopt]") {
    Wire wire;
    std::uint64_t sent = 0;
    for (int life = 0; life < 4; ++life) {
        killed_engine(pinned(), life % 2 == 0 ? kPolicy : kOther, [&](Engine& engine) {
            wire.send(udp(10), 2);
            if (life == 2) static_cast<void>(engine.swap(compiled(kOther)));
            while (*engine.poll(0) != 0) continue;
        });
        wire.send(udp(9), 1);
        wire.send(udp(10), 3);
        sent += 5;
        REQUIRE(wire.passed(10, sent) == sent);
    }
    auto engine = Engine::start(compiled(kPolicy), pinned());
    REQUIRE(engine);
    CHECK(poll_events(**engine, 4) >= 1);
    const auto status = status_of(**engine);
    CHECK(rule(status, "counted").packets == sent);
    CHECK(rule(status, "marked").packets == 4);
    const auto hit = alert(status, "hit");
    CHECK((hit.matched == 4 && hit.delivered == 4 && hit.pending == 0));
}

TEST_CASE("nobody lives: the kernel goes back from an unconfirmed policy", "[adopt]") {
    constexpr std::uint64_t kWithin_ms = 300;
    std::uint64_t begin_ns = 0;
    killed_engine(pinned(), kPolicy, [&](Engine& engine) {
        static_cast<void>(
            engine.swap(compiled("rule shut { when udp.dport == 10 then drop }"), {.confirm_within_ms = kWithin_ms}));
    });
    begin_ns = runtime::monotonic_ns();
    Wire wire;
    wire.send(udp(10));
    wire.send(udp(12));
    CHECK(wire.passed(12, 1) == 1);
    CHECK(wire.passed(10, 1) == 0);
    std::uint64_t waited_ms = 0;
    while (wire.passed(10, 0) == 0 && waited_ms < 5000) {
        wire.send(udp(10));
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
        waited_ms = (runtime::monotonic_ns() - begin_ns) / 1'000'000;
    }
    CHECK(waited_ms < kWithin_ms + 100);
    auto engine = Engine::start(compiled(kPolicy), pinned());
    REQUIRE(engine);
    CHECK(status_of(**engine).in_force.generation == 3);
    CHECK(status_of(**engine).history.size() == 1);
    CHECK(rule(status_of(**engine), "counted").packets >= 1);
}

TEST_CASE("an engine that goes on while a policy waits to be confirmed waits, too", "[adopt]") {
    killed_engine(pinned(), kPolicy, [&](Engine& engine) {
        static_cast<void>(engine.swap(compiled("default drop"), {.confirm_within_ms = 500}));
    });
    auto engine = Engine::start(compiled("default drop"), pinned());
    REQUIRE(engine);
    const auto status = status_of(**engine);
    CHECK(status.in_force.generation == 3);
    REQUIRE(status.in_force.confirm_within_ms);
    CHECK(*status.in_force.confirm_within_ms <= 500);
    std::this_thread::sleep_for(std::chrono::milliseconds(510));
    CHECK(status_of(**engine).in_force.generation == 1);
}

TEST_CASE("a policy that the kernel refuses leaves what the killed engine left", "[adopt]") {
    killed_engine(pinned(), kPolicy, [](Engine&) {});
    auto bad = compiled(kOther);
    bad.elf.resize(100);
    REQUIRE_FALSE(Engine::start(bad, pinned()));
    Wire wire;
    wire.send(udp(9));
    wire.send(udp(10));
    CHECK(wire.passed(10, 1) == 1);
    CHECK(wire.passed(9, 1) == 0);
    auto engine = Engine::start(compiled(kPolicy), pinned());
    REQUIRE(engine);
    CHECK(rule(status_of(**engine), "marked").packets == 1);
}

TEST_CASE("another name is told who left what, and how to go on", "[adopt]") {
    killed_engine(pinned(), kPolicy, [](Engine&) {});
    auto other = Engine::start(compiled(kPolicy), pinned("two.0"));
    REQUIRE_FALSE(other);
    CHECK_THAT(other.error().message,
               Catch::Contains("XDP on b0 is taken by another weir") && Catch::Contains("left by engine `one`"));
    CHECK_THAT(other.error().help, Catch::Contains("--name one"));
    REQUIRE(Engine::start(compiled(kPolicy), pinned()));
    CHECK_FALSE(any_pins());
}

TEST_CASE("pins that weir did not create are refused and left alone", "[adopt]") {
    const runtime::UniqueFd map(bpf_map_create(BPF_MAP_TYPE_ARRAY, "somebodys", 4, 8, 1, nullptr));
    REQUIRE(map);
    REQUIRE(runtime::Pins::open("one")->keep("somebodys.map", map.get()));
    auto refused = Engine::start(compiled(kPolicy), pinned());
    REQUIRE_FALSE(refused);
    CHECK_THAT(refused.error().message, Catch::Contains("pins that weir did not create: somebodys.map"));
    CHECK_THAT(refused.error().help, Catch::Contains("rm -r"));
    CHECK_FALSE(has_program("b0"));
    auto pins = runtime::Pins::open("one");
    REQUIRE(pins);
    CHECK(pins->get("somebodys.map"));
    pins->drop_all();
}

TEST_CASE("the beginnings of an engine that was killed while it started are removed", "[adopt]") {
    killed_engine(pinned(), kPolicy, [](Engine&) {});
    runtime::Pins::open("one")->drop("link-b0");
    std::string said;
    auto options = pinned();
    options.on_notice = [&](const std::string& sentence) { said += sentence; };
    auto engine = Engine::start(compiled(kPolicy), options);
    REQUIRE(engine);
    CHECK_THAT(said, Catch::Contains("killed while it started"));
    CHECK(status_of(**engine).in_force.generation == 1);
}

TEST_CASE("killed again and again, also in the middle of a swap: nothing gets through, no count falls", "[adopt]") {
    const char* wanted = std::getenv("WEIR_KILLS");
    const int kills = wanted == nullptr ? 25 : std::atoi(wanted);
    const auto one = compiled(kPolicy), two = compiled(kOther);
    killed_engine(pinned(), kPolicy, [](Engine&) {});  // in force before the first packet
    std::atomic<bool> stop = false;
    Wire wire;
    std::uint64_t sent = 0;
    bool lost = false;
    std::thread load([&] {
        while (!stop && !lost) {
            for (int i = 0; i < 8; ++i) wire.send(udp(9)), wire.send(udp(10));
            sent += 8;
            lost = wire.passed(10, sent) != sent;
        }
    });
    Seeded random(7);
    bool all_started = true;
    std::uint64_t slowest_ns = 0;
    for (int i = 0; i < kills && all_started; ++i) {
        int ready[2];
        REQUIRE(pipe(ready) == 0);
        const pid_t process = fork();
        REQUIRE(process >= 0);
        if (process == 0) {
            const std::uint64_t begin_ns = runtime::monotonic_ns();
            auto engine = Engine::start(i % 2 == 0 ? one : two, pinned());
            const std::uint64_t took_ns = engine ? runtime::monotonic_ns() - begin_ns : 0;
            if (!engine) std::fprintf(stderr, "%s\n", engine.error().message.c_str());
            if (write(ready[1], &took_ns, sizeof(took_ns)) < 0 || !engine) _exit(1);
            for (;;)
                if (!(*engine)->swap(two) || !(*engine)->swap(one) || !(*engine)->poll(0)) _exit(1);
        }
        std::uint64_t took_ns = 0;
        all_started = read(ready[0], &took_ns, sizeof(took_ns)) == sizeof(took_ns) && took_ns != 0;
        slowest_ns = std::max(slowest_ns, took_ns);
        close(ready[0]), close(ready[1]);
        std::this_thread::sleep_for(std::chrono::microseconds(random() % 60'000));
        kill(process, SIGKILL);
        int how = 0;
        waitpid(process, &how, 0);
        all_started = all_started && WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL;
    }
    stop = true;
    load.join();
    CHECK(all_started);
    CHECK_FALSE(lost);
    CHECK(slowest_ns < 1'000'000'000);
    auto engine = Engine::start(one, pinned());
    REQUIRE(engine);
    const auto status = status_of(**engine);
    CHECK(wire.passed(9, 0) == 0);
    CHECK(rule(status, "counted").packets == sent);
    CHECK(rule(status, "marked").packets == sent);
    WARN(kills << " kills, " << sent << " packets of each class, slowest adoption " << slowest_ns / 1000 << " us");
}
