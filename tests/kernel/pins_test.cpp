// Pins: who owns a name, what becomes of pins that others remove or change, and what a restart tolerates.
#include <catch2/catch.hpp>

#include <bpf/bpf.h>
#include <net/if.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <random>

#include "runtime/engine/pins.h"
#include "runtime/engine/record.h"
#include "runtime/engine/shared_bytes.h"
#include "runtime/kernel.h"
#include "tests/kernel/wire.h"

using namespace weir;
using namespace weir::test;
using runtime::Engine;
using runtime::Pins;
namespace fs = std::filesystem;

namespace {

constexpr const char* kPolicy =
    "rule bad { when udp.dport == 9 then alert hit, drop } rule good { when udp.dport == 10 then pass } "
    "alert hit { message \"x\" }";
const std::string kFolder = std::string(runtime::kPinRoot) + "/owned";

void run(const std::string& command) { REQUIRE(std::system(command.c_str()) == 0); }

struct Options {
    std::string said{};
    runtime::EngineOptions options = on("b0");

    Options() {
        options.name = "owned";
        options.lifetime = runtime::Lifetime::kPinned;
        options.on_notice = [this](const std::string& sentence) { said += sentence + "\n"; };
    }
    Result<std::unique_ptr<Engine>> start() { return Engine::start(compiled(kPolicy), options); }
    // In a process that kills itself.
    void leave() {
        const auto object = compiled(kPolicy);
        const pid_t process = fork();
        REQUIRE(process >= 0);
        if (process == 0) {
            auto engine = Engine::start(object, options);
            if (!engine || !(*engine)->swap(object) || !(*engine)->poll(0)) _exit(1);
            kill(getpid(), SIGKILL);
        }
        int how = 0;
        REQUIRE((waitpid(process, &how, 0) == process && WIFSIGNALED(how)));
    }
};

void send_three(std::uint64_t bad) {
    Wire wire;
    wire.send(udp(9), static_cast<int>(bad));
    wire.send(udp(10));
    CHECK(wire.passed(10, 1) == 1);
    CHECK(wire.passed(9, 1) == 0);
}

std::size_t pins_there() {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(kFolder), fs::directory_iterator()));
}

}  // namespace

TEST_CASE("a name has one owner, by its folder of pins alone", "[pins]") {
    Options first, second;
    auto engine = first.start();
    REQUIRE(engine);
    second.options.interfaces = {"b1"};
    auto refused = second.start();
    REQUIRE_FALSE(refused);
    CHECK(refused.error().number == EBUSY);
    CHECK(refused.error().message == "an engine named `owned` runs already, process " + std::to_string(getpid()));
    CHECK_FALSE(has_program("b1"));
    send_three(1);
    engine = Error{};  // it detaches
    CHECK(second.start());
}

TEST_CASE("pins that are removed are made again; the next engine goes on", "[pins]") {
    Options one;
    const auto object = compiled(kPolicy);
    const pid_t process = fork();
    REQUIRE(process >= 0);
    if (process == 0) {
        auto engine = Engine::start(object, one.options);
        if (!engine || !(*engine)->swap(object) || !(*engine)->poll(0)) _exit(1);
        const std::size_t before = pins_there();
        if (std::system(("rm -r " + kFolder).c_str()) != 0) _exit(2);
        auto status = (*engine)->status();
        if (!status || pins_there() != before || status->problems.size() != 1) _exit(3);
        fs::remove(kFolder + "/link-b0");
        usleep(1'050'000);
        if (!(*engine)->poll(0) || pins_there() != before) _exit(4);
        kill(getpid(), SIGKILL);
    }
    int how = 0;
    REQUIRE(waitpid(process, &how, 0) == process);
    INFO("status " << WEXITSTATUS(how));
    REQUIRE(WIFSIGNALED(how));
    send_three(3);
    auto engine = one.start();
    REQUIRE(engine);
    const auto status = status_of(**engine);
    CHECK(status.in_force.generation == 3);
    CHECK(rule(status, "bad").packets == 3);
    CHECK(status.problems.empty());
}

TEST_CASE("an unmounted BPF file system is reported at once; mounted again, the pins are there", "[pins]") {
    Options one;
    auto engine = one.start();
    REQUIRE(engine);
    REQUIRE(umount2("/sys/fs/bpf", MNT_DETACH) == 0);
    REQUIRE(mount("tmpfs", "/sys/fs/bpf", "tmpfs", 0, nullptr) == 0);
    auto status = status_of(**engine);
    REQUIRE(status.problems.size() == 1);
    CHECK_THAT(status.problems[0].problem, Catch::Contains("the policy ends with this process"));
    CHECK(status_of(**engine).problems.size() == 1);  // once
    REQUIRE((*engine)->swap(compiled(kPolicy)));
    REQUIRE((*engine)->poll(0));
    send_three(2);
    CHECK(rule(status_of(**engine), "bad").packets == 2);
    REQUIRE(umount("/sys/fs/bpf") == 0);
    REQUIRE(mount("bpf", "/sys/fs/bpf", "bpf", 0, nullptr) == 0);
    status = status_of(**engine);
    REQUIRE(status.problems.size() >= 2);
    CHECK_THAT(status.problems.back().problem, Catch::Contains("they are back"));
    CHECK(fs::exists(kFolder + "/link-b0"));
    CHECK(fs::exists(kFolder + "/program-2"));
    (*engine)->detach();
    CHECK_FALSE(fs::exists(kFolder));
}

TEST_CASE("one of two interfaces is missing when an engine goes on: it waits", "[pins]") {
    run("ip link add x0 type veth peer name y0 && ip link set x0 arp off up && ip link set y0 arp off up");
    Options one;
    one.options.interfaces = {"y0", "b0"};
    one.leave();
    run("ip link del x0");
    auto engine = one.start();
    REQUIRE(engine);
    auto status = status_of(**engine);
    CHECK_FALSE(status.interfaces[0].attached);
    CHECK_THAT(status.interfaces[0].problem, Catch::Contains("was not there when the engine started"));
    CHECK(status.interfaces[1].attached);
    send_three(2);
    run("ip link add x0 type veth peer name y0 && ip link set x0 arp off up && ip link set y0 arp off up");
    REQUIRE((*engine)->poll(1000));
    CHECK(status_of(**engine).interfaces[0].attached);
    CHECK(has_program("y0"));
    engine = Error{};
    run("ip link del x0");
    // A new engine still wants all of them.
    CHECK_FALSE(one.start());
    CHECK_FALSE(fs::exists(kFolder));
}

TEST_CASE("a changed byte of a record or of the sums is noticed", "[pins]") {
    Options one;
    const std::string pin = GENERATE("record-1", "record-2", "sums");
    one.leave();
    send_three(2);
    {
        auto pins = Pins::open("owned");
        REQUIRE(pins);
        auto memory = runtime::SharedBytes::adopt(pins->get(pin));
        REQUIRE(memory);
        // Of a record the counts in front may change: only what is behind them is held by the checksum.
        const std::size_t size = memory->bytes().size();
        const auto seed = static_cast<std::uint32_t>(GENERATE(1, 2, 3));
        std::mt19937 random(seed);
        for (int i = 0; i < 2; ++i) {
            std::uint8_t& byte = memory->bytes()[size / 2 + random() % (size / 2)];
            byte = static_cast<std::uint8_t>(byte ^ (1 + random() % 255));
        }
    }
    auto engine = one.start();
    if (pin == "record-2") {
        // Of the policy in force: nobody knows what its rules are called. It is replaced, and nothing passes meanwhile.
        REQUIRE(engine);
        CHECK_THAT(one.said, Catch::Contains("whose record of generation 2 has changed"));
        CHECK(rule(status_of(**engine), "bad").packets == 0);
        CHECK(status_of(**engine).in_force.generation == 3);
        send_three(2);
        CHECK(rule(status_of(**engine), "bad").packets == 2);
        CHECK_FALSE(Pins::has_beside("owned"));
        return;
    }
    REQUIRE(engine);
    CHECK_THAT(one.said, Catch::Contains("not as weir wrote"));
    CHECK(rule(status_of(**engine), "bad").packets == 2);
}

TEST_CASE("what an engine left that was killed while it pinned is removed", "[pins]") {
    Options one;
    one.leave();
    {
        auto pins = Pins::open("owned");
        REQUIRE(pins);
        REQUIRE(bpf_obj_pin(pins->get("word").get(), (kFolder + "/next%program-7").c_str()) == 0);
    }
    auto engine = one.start();
    REQUIRE(engine);
    CHECK_FALSE(fs::exists(kFolder + "/next%program-7"));
    CHECK(status_of(**engine).problems.empty());
}
