// Interfaces that go and come back.
#include <catch2/catch.hpp>

#include <net/if.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "runtime/kernel.h"
#include "tests/kernel/wire.h"

using namespace weir;
using namespace weir::test;
using runtime::Engine;

namespace {

void run(const std::string& command) { REQUIRE(std::system(command.c_str()) == 0); }
void make_pair(const std::string& near, const std::string& far) {
    run("ip link add " + near + " type veth peer name " + far + " && ip link set " + near +
        " arp off up && ip link set " + far + " arp off up");
}

}  // namespace

TEST_CASE("an interface that goes and comes back has its policy again in under 500 ms; others never lose it",
          "[links]") {
    const char* wanted = std::getenv("WEIR_LINK_TIMES");
    const int times = wanted == nullptr ? 10 : std::atoi(wanted);
    make_pair("x0", "y0");
    auto options = on("y0");
    options.interfaces.push_back("b1");
    options.lifetime = GENERATE(runtime::Lifetime::kProcess, runtime::Lifetime::kPinned);
    std::string said;
    options.on_notice = [&](const std::string& sentence) { said += sentence + "\n"; };
    auto engine = Engine::start(
        compiled("rule here { when iface == \"y0\" and udp then drop } rule there { when udp.dport == 9 then drop }"),
        options);
    REQUIRE(engine);
    std::size_t fds = 0;
    Wire other("a1", "b1");
    std::uint64_t slowest_ms = 0;
    for (int i = 1; i <= times; ++i) {
        REQUIRE((*engine)->poll(0));
        if (i == 8) fds = open_fds();  // by now as many policies are kept as ever will be
        run("ip link del x0");
        REQUIRE((*engine)->poll(1000));
        REQUIRE_FALSE(status_of(**engine).interfaces[0].attached);
        other.send(udp(9));
        REQUIRE((*engine)->swap(compiled(
            i % 2 == 0
                ? "rule here { when iface == \"y0\" and udp then drop } rule there { when udp.dport == 9 then drop }"
                : "rule there { when udp.dport == 9 then drop } rule here { when iface == \"y0\" and udp then drop "
                  "}")));
        make_pair("x0", "y0");
        const std::uint64_t there_ns = runtime::monotonic_ns();
        while (!status_of(**engine).interfaces[0].attached && runtime::monotonic_ns() - there_ns < 5'000'000'000)
            REQUIRE((*engine)->poll(100));
        slowest_ms = std::max(slowest_ms, (runtime::monotonic_ns() - there_ns) / 1'000'000);
        REQUIRE(has_program("y0"));
        Wire wire("x0", "y0");
        wire.send(udp(10));
        other.send(udp(10));
        REQUIRE(other.passed(10, static_cast<std::uint64_t>(i)) == static_cast<std::uint64_t>(i));
        const auto status = status_of(**engine);
        REQUIRE(rule(status, "here").packets == static_cast<std::uint64_t>(i));
        REQUIRE(rule(status, "there").packets == static_cast<std::uint64_t>(i));
        REQUIRE(status.interfaces[0].gaps == static_cast<std::uint64_t>(i));
    }
    CHECK(slowest_ms < 500);
    REQUIRE((*engine)->poll(0));
    CHECK(open_fds() == fds);
    CHECK_THAT(said,
               Catch::Contains("y0: the interface has been deleted") && Catch::Contains("y0: attached again, after"));
    WARN(times << " times gone and back, attached again after at most " << slowest_ms << " ms");
    (*engine)->detach();
    run("ip link del x0");
}

TEST_CASE("the namespace at the other end of a link goes and comes back, and so does the policy", "[links]") {
    const char* wanted = std::getenv("WEIR_LINK_TIMES");
    const int times = wanted == nullptr ? 5 : std::atoi(wanted);
    const std::string space = "weirfar" + std::to_string(getpid());
    const auto make = [&] {
        run("ip netns add " + space + " && ip link add y0 type veth peer name x0 netns " + space +
            " && ip link set y0 arp off up && ip -n " + space + " link set x0 arp off up");
    };
    make();
    auto engine = Engine::start(compiled("rule here { when udp then drop }"), on("y0"));
    REQUIRE(engine);
    std::uint64_t slowest_ms = 0;
    for (int i = 1; i <= times; ++i) {
        run("ip netns delete " + space);
        // The kernel takes a namespace's devices down in its own time.
        const std::uint64_t deleted_ns = runtime::monotonic_ns();
        while (status_of(**engine).interfaces[0].attached && runtime::monotonic_ns() - deleted_ns < 20'000'000'000)
            REQUIRE((*engine)->poll(20));
        REQUIRE_FALSE(status_of(**engine).interfaces[0].attached);
        make();
        const std::uint64_t there_ns = runtime::monotonic_ns();
        while (!status_of(**engine).interfaces[0].attached && runtime::monotonic_ns() - there_ns < 5'000'000'000)
            REQUIRE((*engine)->poll(20));
        slowest_ms = std::max(slowest_ms, (runtime::monotonic_ns() - there_ns) / 1'000'000);
        REQUIRE(has_program("y0"));
        REQUIRE(status_of(**engine).interfaces[0].gaps == static_cast<std::uint64_t>(i));
    }
    CHECK(slowest_ms < 500);
    WARN(times << " namespaces gone and back, attached again after at most " << slowest_ms << " ms");
    (*engine)->detach();
    run("ip netns delete " + space);
    while (if_nametoindex("y0") != 0) std::this_thread::sleep_for(std::chrono::milliseconds(20));
}

TEST_CASE("an interface that comes back with somebody else's program waits until that is gone", "[links]") {
    make_pair("x0", "y0");
    std::string said;
    auto options = on("y0");
    options.on_notice = [&](const std::string& sentence) { said += sentence + "\n"; };
    auto engine = Engine::start(compiled("rule a { when udp.dport == 9 then drop }"), options);
    REQUIRE(engine);
    run("ip link del x0");
    REQUIRE((*engine)->poll(1000));
    {
        make_pair("x0", "y0");
        auto other = Engine::start(compiled("default drop"), on("y0"));
        REQUIRE(other);
        REQUIRE((*engine)->poll(100));
        CHECK_FALSE(status_of(**engine).interfaces[0].attached);
        CHECK_THAT(said, Catch::Contains("XDP on y0 is taken") && Catch::Contains("trying again"));
    }
    const std::uint64_t free_ns = runtime::monotonic_ns();
    while (!status_of(**engine).interfaces[0].attached && runtime::monotonic_ns() - free_ns < 5'000'000'000)
        REQUIRE((*engine)->poll(200));
    CHECK(has_program("y0"));
    CHECK(status_of(**engine).interfaces[0].gaps == 1);
    run("ip link del x0");
}
