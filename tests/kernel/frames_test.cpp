// Frames of several buffers: a veth pair with an MTU of 9000, native mode.
#include <catch2/catch.hpp>

#include <signal.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstdlib>
#include <string>

#include "runtime/engine/frames.h"
#include "tests/kernel/wire.h"

using namespace weir;
using namespace weir::test;
using runtime::AttachMode;
using runtime::Engine;
using runtime::FrameBuffers;

namespace {

// An own pair j0-j1 with that MTU; it goes with this.
struct Pair {
    explicit Pair(unsigned mtu) {
        const std::string size = std::to_string(mtu);
        const std::string made = "ip link add j0 mtu " + size + " type veth peer name j1 mtu " + size +
                                 " && ip link set j0 arp off up && ip link set j1 arp off up";
        REQUIRE(std::system(made.c_str()) == 0);
    }
    ~Pair() { static_cast<void>(std::system("ip link del j0")); }
};

void set_mtu(const std::string& interface, unsigned mtu) {
    REQUIRE(std::system(("ip link set dev " + interface + " mtu " + std::to_string(mtu)).c_str()) == 0);
}

// As udp() of wire.h, with `bytes` of payload: 'a' up to its last eight, which are "the end.".
Frame long_udp(int port, std::size_t bytes) {
    Frame frame = udp(static_cast<std::uint16_t>(port));
    frame.resize(14 + 20 + 8);
    frame.insert(frame.end(), bytes - 8, 'a');
    for (const char letter : std::string("the end.")) frame.push_back(static_cast<std::uint8_t>(letter));
    const auto put = [&](std::size_t at, std::size_t value) {
        frame[at] = static_cast<std::uint8_t>(value >> 8);
        frame[at + 1] = static_cast<std::uint8_t>(value);
    };
    put(16, frame.size() - 14);
    put(38, frame.size() - 34);
    return frame;
}

constexpr const char* kPolicy =
    "rule by_port { when udp.dport == 9 then drop } "
    "rule near { when udp.dport == 10 and payload contains \"aaaa\" and payload[1000:4] == \"aaaa\" then drop } "
    "rule far { when udp.dport == 11 and payload ends_with \"the end.\" then drop } "
    "rule whole { when udp.dport == 12 and packet.len == 8042 and payload.len == 8000 then drop } "
    "malformed drop";

runtime::EngineOptions on_pair(AttachMode mode, std::string* said = nullptr) {
    auto options = on("j1");
    options.mode = mode;
    if (said != nullptr) options.on_notice = [said](const std::string& sentence) { *said += sentence + "\n"; };
    return options;
}

std::string problems(Engine& engine) {
    std::string all;
    for (const auto& problem : status_of(engine).problems) all += problem.problem + "\n";
    return all;
}

}  // namespace

TEST_CASE("an MTU of 9000 is attached natively, and frames of 8,000 bytes are judged", "[frames]") {
    const Pair pair(9000);
    std::string said;
    auto engine = Engine::start(compiled(kPolicy), on_pair(AttachMode::kAuto, &said));
    if (!engine) FAIL(engine.error().message);
    CHECK(said.empty());
    CHECK(status_of(**engine).several_buffers);
    CHECK(status_of(**engine).interfaces[0].mode == AttachMode::kNative);
    Wire wire("j0", "j1");
    for (const int port : {9, 10, 11, 12, 13}) wire.send(long_udp(port, 8000), 3);
    // The payload's end is in the second buffer, which no program reads: `far` does not match.
    CHECK(wire.passed(11, 6) == 3);
    CHECK(wire.passed(13, 6) == 3);
    const auto status = status_of(**engine);
    CHECK(rule(status, "by_port").packets == 3);
    CHECK(rule(status, "by_port").bytes == 3 * 8042);
    CHECK(rule(status, "near").packets == 3);
    CHECK(rule(status, "far").packets == 0);
    CHECK(rule(status, "whole").packets == 3);
    CHECK(status.malformed.packets == 0);
    // All of a frame that fits into one buffer is read.
    wire.send(long_udp(11, 1000));
    CHECK(wire.passed(11, 6) == 3);
    CHECK(rule(status_of(**engine), "far").packets == 1);
}

TEST_CASE("generic mode makes one buffer of a frame: all of it is read", "[frames]") {
    const Pair pair(9000);
    auto engine = Engine::start(compiled(kPolicy), on_pair(AttachMode::kGeneric));
    if (!engine) FAIL(engine.error().message);
    CHECK_FALSE(status_of(**engine).several_buffers);
    Wire wire("j0", "j1");
    for (const int port : {11, 12, 13}) wire.send(long_udp(port, 8000), 2);
    CHECK(wire.passed(13, 2) == 2);
    CHECK(rule(status_of(**engine), "far").packets == 2);
    CHECK(rule(status_of(**engine), "whole").packets == 2);
}

TEST_CASE("reloads, rollbacks and comparisons of an engine with large frames", "[frames]") {
    const Pair pair(9000);
    auto engine = Engine::start(compiled(kPolicy), on_pair(AttachMode::kNative));
    if (!engine) FAIL(engine.error().message);
    REQUIRE((*engine)->swap(compiled("rule other { when udp.dport == 13 and packet.len == 8042 then drop }")));
    Wire wire("j0", "j1");
    wire.send(long_udp(13, 8000), 2);
    wire.send(long_udp(9, 8000), 2);
    CHECK(wire.passed(9, 2) == 2);
    CHECK(rule(status_of(**engine), "other").packets == 2);
    auto compared = (*engine)->shadow(compiled("default drop"));
    if (!compared) FAIL(compared.error().message);
    wire.send(long_udp(14, 8000), 4);
    CHECK(wire.passed(14, 6) == 4);
    CHECK(status_of(**engine).shadow->disagreements == 4);
    (*engine)->end_shadow();
    REQUIRE((*engine)->rollback());
    wire.send(long_udp(9, 8000), 1);
    wire.send(long_udp(15, 8000), 1);
    CHECK(wire.passed(15, 7) == 1);
    CHECK(rule(status_of(**engine), "by_port").packets == 1);
}

TEST_CASE("an MTU that becomes too large for the programs is reported once", "[frames]") {
    // In generic mode nothing refuses the change.
    REQUIRE(std::system("ip link add d0 mtu 1500 type veth peer name d1 mtu 1500 && ip link set d0 up") == 0);
    {
        auto engine = Engine::start(compiled(kPolicy), on("d0"));
        if (!engine) FAIL(engine.error().message);
        CHECK(problems(**engine).empty());
        set_mtu("d0", 9000);
        CHECK_THAT(problems(**engine), Catch::Contains("d0: its MTU is 9000"));
        CHECK(status_of(**engine).problems.size() == 1);
        set_mtu("d0", 1500);
        CHECK(status_of(**engine).problems.size() == 1);
        set_mtu("d0", 4000);
        CHECK(status_of(**engine).problems.size() == 2);
    }
    static_cast<void>(std::system("ip link del d0"));
}

namespace {
runtime::EngineOptions pinned_pair(std::string* said) {
    auto options = on_pair(AttachMode::kAuto, said);
    options.name = "frames";
    options.lifetime = runtime::Lifetime::kPinned;
    return options;
}

void kill_engine_on_pair() {
    const auto object = compiled(kPolicy);
    const pid_t process = fork();
    REQUIRE(process >= 0);
    if (process == 0) {
        auto engine = Engine::start(object, pinned_pair(nullptr));
        if (!engine) _exit(1);
        kill(getpid(), SIGKILL);
    }
    int how = 0;
    REQUIRE(waitpid(process, &how, 0) == process);
    REQUIRE((WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL));
}
}  // namespace

TEST_CASE("what a killed engine's programs take stays, whatever the MTU is now", "[frames]") {
    std::string said;
    SECTION("of one buffer, and the interface comes back with a larger MTU") {
        auto pair = std::make_unique<Pair>(1500);
        kill_engine_on_pair();
        pair.reset();
        pair = std::make_unique<Pair>(9000);
        auto engine = Engine::start(compiled(kPolicy), pinned_pair(&said));
        if (!engine) FAIL(engine.error().message);
        CHECK_THAT(said, Catch::Contains("j1: its MTU is 9000"));
        CHECK_FALSE(status_of(**engine).several_buffers);
        CHECK(status_of(**engine).interfaces[0].mode == AttachMode::kGeneric);
        Wire wire("j0", "j1");
        wire.send(long_udp(12, 8000));
        wire.send(long_udp(13, 8000));
        CHECK(wire.passed(13, 1) == 1);
        CHECK(rule(status_of(**engine), "whole").packets == 1);
        engine->reset();  // before the interface goes
    }
    SECTION("of several buffers, and the MTU is small now") {
        const Pair pair(9000);
        kill_engine_on_pair();
        set_mtu("j0", 1500);
        set_mtu("j1", 1500);
        auto engine = Engine::start(compiled(kPolicy), pinned_pair(&said));
        if (!engine) FAIL(engine.error().message);
        CHECK(status_of(**engine).several_buffers);
        Wire wire("j0", "j1");
        wire.send(long_udp(9, 1000));
        wire.send(long_udp(13, 1000));
        CHECK(wire.passed(13, 1) == 1);
        CHECK(rule(status_of(**engine), "by_port").packets == 1);
        set_mtu("j0", 9000);
        set_mtu("j1", 9000);
        wire.send(long_udp(12, 8000));
        wire.send(long_udp(13, 8000));
        CHECK(wire.passed(13, 2) == 2);
        CHECK(rule(status_of(**engine), "whole").packets == 1);
        CHECK(problems(**engine).empty());
        engine->reset();
    }
}

TEST_CASE("which frames the programs of an engine have to take", "[frames]") {
    const runtime::FrameMtu jumbo{"eth0", 9000};
    CHECK(*runtime::frames_to_take(std::nullopt, "5.15.0") == FrameBuffers::kOne);
    CHECK(*runtime::frames_to_take(jumbo, "5.18.0") == FrameBuffers::kSeveral);
    CHECK(*runtime::frames_to_take(jumbo, "6.1.0-13-amd64") == FrameBuffers::kSeveral);
    for (const char* old : {"5.17.15", "4.19.0-27-amd64"}) {
        const auto refused = runtime::frames_to_take(jumbo, old);
        REQUIRE_FALSE(refused);
        CHECK_THAT(refused.error().message, Catch::Contains("eth0 has an MTU of 9000") && Catch::Contains(old));
        CHECK(refused.error().number == ENOTSUP);
        CHECK_THAT(refused.error().help, Catch::Contains("--mode generic"));
    }
    CHECK_FALSE(runtime::mtu_of_several_buffers("lo", AttachMode::kAuto));
    CHECK_FALSE(runtime::mtu_of_several_buffers("b0", AttachMode::kAuto));
    const Pair pair(9000);
    CHECK(runtime::largest_of_several_buffers({"b0", "j1", "none"}, AttachMode::kAuto)->mtu == 9000);
    CHECK_FALSE(runtime::largest_of_several_buffers({"b0", "j1"}, AttachMode::kGeneric));
}
