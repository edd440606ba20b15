#include <catch2/catch.hpp>

#include <bpf/bpf.h>
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <ctime>
#include <map>
#include <thread>

#include <fmt/format.h>

#include "bpf/abi.h"
#include "bpf/table.h"
#include "runtime/engine/accounts.h"
#include "runtime/engine/program.h"
#include "tests/kernel/trial.h"
#include "tests/kernel/wire.h"

using namespace weir;
using namespace weir::test;
using runtime::Engine;
using runtime::Event;

TEST_CASE("a throttle lets so many through, counts the others, and says how many they were", "[state]") {
    std::vector<Event> events;
    auto engine =
        Engine::start(compiled("rule r { when udp.dport in 20..30 then alert a, drop } "
                               "alert a { message \"{suppressed}\" throttle 2 per udp.dport, ip.src every 300ms }"),
                      hearing(events));
    REQUIRE(engine);
    Wire wire;
    wire.send(udp(23), 100);
    wire.send(udp(24), 1);
    wire.send(udp(9), 1);
    wire.passed(9, 1);
    REQUIRE(poll_events(**engine, 3) == 3);
    auto a = alert(status_of(**engine), "a");
    CHECK(a.matched == 101);
    CHECK(a.suppressed == 98);
    CHECK(a.delivered == 3);
    std::this_thread::sleep_for(std::chrono::milliseconds(400));
    wire.send(udp(23), 5);
    wire.send(udp(9), 1);
    wire.passed(9, 2);
    REQUIRE(poll_events(**engine, 2) == 2);
    CHECK(events[0].message == "0");
    CHECK(events[3].message == "98");
    CHECK(events[4].message == "0");
    a = alert(status_of(**engine), "a");
    CHECK(a.matched == 106);
    CHECK(a.matched == a.delivered + a.suppressed);
    CHECK(a.pending == 0);
}

TEST_CASE("a sample is the first of so many", "[state]") {
    std::uint64_t events = 0;
    auto options = on("b0");
    options.on_event = [&](const Event&) { ++events; };
    auto engine = Engine::start(compiled("rule r { when udp.dport == 23 then alert a sample 1/10, alert b, drop } "
                                         "alert a { message \"\" } alert b { message \"\" }"),
                                options);
    REQUIRE(engine);
    Wire wire;
    wire.send(udp(23), 95);
    wire.send(udp(9), 1);
    wire.passed(9, 1);
    REQUIRE(poll_events(**engine, 105) == 105);
    CHECK(alert(status_of(**engine), "a").matched == 10);
    CHECK(alert(status_of(**engine), "b").matched == 95);
}

TEST_CASE("two hundred swaps lose no bucket, no window, no entry; what means something else begins anew", "[state]") {
    // Each policy has its rules and sets at other places, and others of the same shape before them.
    const auto first = compiled(
        "set ports : port set marks : port ttl 1d "
        "rule counted { when udp.dport == 10 and count(ip.src, in 1d) > 1000 then drop } "
        "rule marked { when udp.dport in 2000..2999 then add udp.dport to marks } "
        "rule noted { when udp.dport in 1000..1999 then add udp.dport to ports }");
    const auto second = compiled(
        "set extra : port ttl 1h set marks : port ttl 1d set ports : port "
        "rule new { when udp.dport == 10 and count(ip.dst, in 1d) > 1000000 then drop } "
        "rule also { when udp.dport == 10 and count(ip.src, in 2d) > 1000000 then drop } "
        "rule extra { when udp.dport in 3000..3999 then add udp.dport to extra } "
        "rule noted { when udp.dport in 1000..1999 then add udp.dport to ports } "
        "rule marked { when udp.dport in 2000..2999 then add udp.dport to marks } "
        "rule counted { when udp.dport == 10 and count(ip.src, in 1d) > 1000 then drop }");
    auto engine = Engine::start(first, on("b0"));
    REQUIRE(engine);
    Wire wire;
    constexpr std::uint16_t kSwaps = 200;
    constexpr std::uint64_t kEach = 10;
    std::uint64_t passed = 0;
    for (std::uint16_t i = 0; i < kSwaps; ++i) {
        wire.send(udp(10), kEach);
        wire.send(udp(static_cast<std::uint16_t>(1000 + i)));
        wire.send(udp(static_cast<std::uint16_t>(2000 + i)));
        wire.send(udp(9));
        passed += (i < 100 ? kEach : 0) + 3;
        wire.passed(9, passed);
        if (!(*engine)->swap(i % 2 == 0 ? second : first)) FAIL("swap");
    }
    CHECK(wire.passed(10, passed) == 1000);
    const auto status = status_of(**engine);
    CHECK(rule(status, "counted").packets == kSwaps * kEach - 1000);
    const auto ports = members(**engine, "ports"), marks = members(**engine, "marks");
    CHECK(ports.size() == kSwaps);
    CHECK(marks.size() == kSwaps);
    CHECK(ports.front() == "1000");
    CHECK(marks.back() == "2199");
    // The window of `counted` by another time is another window.
    REQUIRE(
        (*engine)->swap(compiled("rule counted { when udp.dport == 10 and count(ip.src, in 2d) > 1000 then drop }")));
    wire.send(udp(10), 5);
    CHECK(wire.passed(10, passed + 5) == 1005);
}

TEST_CASE("values of a `distinct` go on when a reload changes its limit or size, and begin anew as marks", "[state]") {
    const auto policy = [](int limit, int size) {
        return compiled(
            fmt::format("rule r {{ when udp.dport != 9 and distinct(udp.dport, by ip.src, in 1d) > {} size "
                        "{} then drop }}",
                        limit, size));
    };
    auto engine = Engine::start(policy(20, 1000), on("b0"));
    REQUIRE(engine);
    Wire wire;
    std::uint64_t passed = 0, dropped = 0;
    const auto send = [&](std::uint16_t first, std::uint16_t end, std::uint64_t pass) {
        for (std::uint16_t port = first; port < end; ++port) wire.send(udp(port));
        wire.send(udp(9));
        passed += pass + 1;
        dropped += end - first - pass;
        wire.passed(9, passed);
        CHECK(rule(status_of(**engine), "r").packets == dropped);
    };
    send(1000, 1015, 15);
    REQUIRE((*engine)->swap(policy(20, 50'000)));
    send(1000, 1015, 15);
    send(1015, 1025, 5);
    REQUIRE((*engine)->swap(policy(30, 50)));
    send(1000, 1021, 21);
    send(1100, 1112, 9);
    REQUIRE((*engine)->swap(policy(5, 50)));
    send(1000, 1001, 0);
    REQUIRE((*engine)->swap(policy(100, 50)));
    send(1000, 1050, 50);
    REQUIRE((*engine)->swap(policy(30, 50)));
    send(1000, 1031, 30);
}

TEST_CASE("shares and surges go on when a reload changes their numbers; another condition is another share",
          "[state]") {
    const auto policy = [](const std::string& share, const std::string& surge) {
        return compiled("rule share { when udp.dport == 10 and share(udp.sport != 1, by ip.src, in 1d" + share +
                        " then drop } rule surge { when udp.dport == 11 and surge(ip.src, in 20ms" + surge +
                        " then drop }");
    };
    auto engine = Engine::start(policy(", of 100) > 50%", ", floor 1000) > 2"), on("b0"));
    REQUIRE(engine);
    Wire wire;
    std::uint64_t all = 0;
    std::map<std::uint16_t, std::uint64_t> passed;
    const auto send = [&](std::uint16_t port, int times, std::uint64_t pass) {
        wire.send(udp(port), times);
        wire.send(udp(9));
        all += pass + 1;
        passed[port] += pass;
        CHECK(wire.passed(port, all) == passed[port]);
    };
    send(10, 50, 50);
    REQUIRE((*engine)->swap(policy(", of 55) > 99% size 1000", ", floor 5) > 2")));
    send(10, 10, 4);
    send(11, 1, 1);
    std::this_thread::sleep_for(std::chrono::milliseconds(400));  // 20 windows
    REQUIRE((*engine)->swap(policy(", of 55) > 99% size 10", ", floor 0) > 1")));
    send(10, 1, 0);
    send(11, 1, 0);
    REQUIRE((*engine)->swap(compiled(
        "rule share { when udp.dport == 10 and share(udp.sport != 2, by ip.src, in 1d, of 55) > 99% then drop }")));
    send(10, 54, 54);
    send(10, 1, 0);
}

TEST_CASE("a set of another size takes its entries along", "[state]") {
    auto engine = Engine::start(compiled("set s : (ip, port) size 100 rule r { when udp.dport in 1000..1999 then add "
                                         "(ip.src, udp.dport) to s for 1h }"),
                                on("b0"));
    REQUIRE(engine);
    Wire wire;
    for (std::uint16_t i = 0; i < 50; ++i) wire.send(udp(static_cast<std::uint16_t>(1000 + i)));
    wire.passed(1049, 50);
    REQUIRE((*engine)->swap(compiled("set s : (ip, port) size 60 rule r { when (ip.src, udp.dport) in s then drop }")));
    CHECK(members(**engine, "s").size() == 50);
    CHECK(members(**engine, "s").front() == "10.0.0.1, 1000");
    const auto refused =
        (*engine)->swap(compiled("set s : (ip, port) size 10 rule r { when (ip.src, udp.dport) in s then drop }"));
    CHECK(!refused);
    wire.send(udp(1049));
    wire.send(udp(9));
    wire.passed(9, 51);
    CHECK(rule(status_of(**engine), "r").packets == 50 + 1);  // the name goes on counting
}

TEST_CASE("sets are changed by hand", "[state]") {
    auto engine = Engine::start(compiled("set s : port size 4 ttl 1h rule r { when udp.dport in s then drop } rule a { "
                                         "when udp.dport == 7 then add udp.sport to s }"),
                                on("b0"));
    REQUIRE(engine);
    auto set = (*engine)->set("s");
    REQUIRE(set);
    auto added = set->add({"10", "11", "12"}, std::nullopt);
    REQUIRE(added);
    CHECK(added->added == 3);
    CHECK(!set->add({"13", "x"}, std::nullopt));
    CHECK(!set->add({"65536"}, std::nullopt));
    CHECK(set->add({"14"}, 1'000'000)->added == 1);  // a millisecond
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    CHECK(set->list()->size() == 3);
    Wire wire;
    wire.send(udp(10), 2);
    wire.send(udp(14), 1);
    wire.send(udp(7), 1);  // adds 4000: what is over gives way
    wire.send(udp(9), 1);
    CHECK(wire.passed(10, 3) == 0);
    CHECK(members(**engine, "s") == std::vector<std::string>{"10", "11", "12", "4000"});
    CHECK(set->add({"20"}, 0)->refused == 1);
    CHECK(*set->remove({"10", "99"}) == 1);
    CHECK(set->add({"20"}, 0)->added == 1);
    CHECK(!(*engine)->set("t"));
    const auto status = status_of(**engine);
    REQUIRE(status.sets.size() == 1);
    CHECK(status.sets[0].entries == 4);
}

TEST_CASE("a limit holds for a key that several CPUs meet at once", "[state]") {
    const auto program = loaded(compiled("rule r { when udp and rate(ip.src) > 1000/s burst 5000 then drop } "
                                         "rule c { when udp and count(ip.dst, in 1s) > 100000 then drop } "
                                         "rule d { when udp and distinct(ip.src, by ip.dst, in 1s) > 0 then pass }"),
                                1);
    constexpr int kRepeat = 200'000;
    const unsigned cpus = std::max(2u, std::thread::hardware_concurrency());
    std::vector<std::thread> threads;
    for (unsigned cpu = 0; cpu < cpus; ++cpu) {
        threads.emplace_back([&, cpu] {
            cpu_set_t set;
            CPU_ZERO(&set);
            CPU_SET(cpu % std::thread::hardware_concurrency(), &set);
            sched_setaffinity(0, sizeof(set), &set);
            run(program, udp(23), kRepeat);
        });
    }
    for (std::thread& thread : threads) thread.join();
    const std::uint64_t sent = std::uint64_t{cpus} * kRepeat;
    bpf::Manifest manifest;
    manifest.rules.resize(3);
    auto counts = runtime::read_counts(program, manifest);
    REQUIRE(counts);
    // A machine may take the CPU of who holds a bucket's lock away for longer than others wait: such packets are
    // counted.
    const auto refused = [&](const char* term) {
        std::uint64_t sum = 0;
        for (const auto& [identity, account] : counts->state)
            if (identity.find(term) != std::string::npos) sum += account.refused;
        CHECK(sum < sent / 1000);
        return sum;
    };
    // The clock stands still: of all packets just the burst finds a token.
    CHECK(counts->rows[0].packets == sent - 5000 - refused("rate("));
    CHECK(counts->rows[1].packets == 0);
    CHECK(counts->rows[2].packets == 5000 + refused("rate(") - refused("distinct("));
    for (const auto& [identity, account] : counts->state)
        if (identity.starts_with("rule ")) CHECK(account.inserted == 1);
}

namespace {

// Packets of one key by the kernel's own clock, as fast as they go.
struct Flood {
    double seconds = 0, cpu_seconds = 0;
    double admitted = 0;
};
Flood flood(const std::string& policy) {
    const auto program = loaded(compiled(policy), 0);
    using Clock = std::chrono::steady_clock;
    const auto begin = Clock::now();
    const auto cpu_begin = std::clock();
    constexpr int kSent = 10'000'000;
    run(program, udp(23), kSent);
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    bpf::Manifest manifest;
    manifest.rules.resize(1);
    auto counts = runtime::read_counts(program, manifest);
    REQUIRE(counts);
    return {seconds, static_cast<double>(std::clock() - cpu_begin) / CLOCKS_PER_SEC,
            kSent - static_cast<double>(counts->rows[0].packets)};
}

}  // namespace

TEST_CASE("by the kernel's own clock a limit holds to a tick, and a bucket that fills within a second exactly",
          "[state]") {
    constexpr double kTick = 0.010, kBurst = 1000, kRate = 1000;
    const Flood slow = flood("rule r { when udp and rate(ip.src) > 1000/s then drop }");
    INFO(slow.admitted << " packets in " << slow.seconds << " s");
    CHECK(slow.admitted <= kBurst + kRate * (slow.seconds + kTick));
    CHECK(slow.admitted >= kBurst + 0.5 * kRate * slow.cpu_seconds);  // a virtual machine's ticks may come late
    // A bucket of one token, full after a millisecond: a clock of ticks would give it one a tick.
    const Flood fast = flood("rule r { when udp and rate(ip.src) > 1000/s burst 1 then drop }");
    INFO(fast.admitted << " packets in " << fast.seconds << " s, of which the CPU was ours for " << fast.cpu_seconds);
    CHECK(fast.admitted <= 1 + kRate * fast.seconds);
    CHECK(fast.admitted >= 0.3 * kRate * fast.cpu_seconds);
}

TEST_CASE("ten thousand throttled alerts are rows of one table, and their windows one table", "[state]") {
    const auto policy = [](std::size_t alerts, const char* throttle) {
        std::string text;
        for (std::size_t i = 0; i < alerts; ++i) {
            const std::string number = std::to_string(i);
            text += "rule r" + number + " { when udp.dport == " + number + " then alert a" + number +
                    ", drop }\nalert a" + number + " { message \"\"" + throttle + " }\n";
        }
        return compiled(text);
    };
    const bpf::Object many = policy(10'000, " throttle 1 per ip.src, tcp.dport every 1m");
    const bpf::Object few = policy(100, " throttle 1 per ip.src, tcp.dport every 1m");
    const bpf::Object none = policy(10'000, "");
    CHECK(many.state.size() == 1);
    const auto with = loaded(many, 0), with_few = loaded(few, 0), without = loaded(none, 0);
    CHECK(with.verified_insns() < with_few.verified_insns() + with_few.verified_insns() / 4);
    CHECK(with.program_insns() < with_few.program_insns() + 100);
    const std::uint64_t table = (weir_term_groups(65'536) + 1) * std::uint64_t{WEIR_TERM_BYTES};
    constexpr std::uint64_t kSmall = 64 << 10;  // maps' own, and a page each
    CHECK(with.memory_bytes() - without.memory_bytes() <= table + 10'000 * sizeof(weir_throttle) + kSmall);
}

TEST_CASE("a throttle's windows go on when a reload changes its number, its limit and the table's size", "[state]") {
    std::vector<Event> events;
    auto engine = Engine::start(compiled("rule r { when udp.dport == 23 then alert a, drop } "
                                         "alert a { message \"{suppressed}\" throttle 1 per ip.src every 1d }"),
                                hearing(events));
    REQUIRE(engine);
    Wire wire;
    wire.send(udp(23), 5);
    wire.send(udp(9), 1);
    wire.passed(9, 1);
    REQUIRE(poll_events(**engine, 1) == 1);
    REQUIRE(
        (*engine)->swap(compiled("throttles size 1000 rule o { when udp.dport == 24 then alert first } "
                                 "rule r { when udp.dport == 23 then alert a, drop } "
                                 "alert first { message \"\" throttle 1 per ip.dst every 1h } "
                                 "alert a { message \"{suppressed}\" throttle 2 per ip.src every 1d }")));
    wire.send(udp(23), 5);
    wire.send(udp(9), 1);
    wire.passed(9, 2);
    REQUIRE(poll_events(**engine, 1) == 1);
    CHECK(events[1].message == "4");
    const auto a = alert(status_of(**engine), "a");
    CHECK(a.matched == 10);
    CHECK(a.suppressed == 8);
}

TEST_CASE(
    "a set holds what its size says, to the last entry, and finds it; what has ended gives way however many there are",
    "[state]") {
    constexpr std::uint32_t kSize = 52'000;  // look-ups ask the tags first
    REQUIRE(weir_set_groups(kSize) >= WEIR_TAGGED_GROUPS);
    const auto object = compiled(
        "set s : ip size 52000 rule seen { when udp.dport == 23 and ip.src in s then drop } "
        "rule kept { when udp.dport == 24 then add ip.src to s } rule short { when udp.dport == 25 then add ip.src to "
        "s for 1ms } "
        "rule gone { when udp.dport == 26 then remove ip.src from s }");
    const auto program = loaded(object, 0);
    const auto send = [&](std::uint16_t port, std::uint32_t first, std::uint32_t end) {
        for (std::uint32_t i = first; i < end; ++i) run(program, from(udp(port), 0x0b000000 + i), 1);
    };
    const auto counts = [&] { return *runtime::read_counts(program, object.manifest); };
    send(24, 0, kSize + 100);
    CHECK(counts().state.front().second.inserted == kSize);
    CHECK(counts().state.front().second.refused == 100);
    send(23, 0, kSize);
    CHECK(counts().rows[0].packets == kSize);
    send(26, 0, kSize / 2);
    send(23, 0, kSize);
    CHECK(counts().rows[0].packets == kSize + kSize / 2);
    // Half of it ends, and each add finds one of those.
    send(25, 0, kSize / 2);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    const std::uint64_t refused = counts().state.front().second.refused;
    send(24, 2 * kSize, 2 * kSize + kSize / 2);
    CHECK(counts().state.front().second.refused == refused);
    send(24, 3 * kSize, 3 * kSize + 10);
    CHECK(counts().state.front().second.refused == refused + 10);
    send(23, 2 * kSize, 3 * kSize);
    CHECK(counts().rows[0].packets == kSize + kSize);
    send(23, 0, kSize);
    CHECK(counts().rows[0].packets == kSize + kSize + kSize / 2);
}

TEST_CASE("thousands of values are added and removed by hand at once", "[state]") {
    auto engine = Engine::start(
        compiled("set s : (ip, port) size 100000 rule r { when (ip.src, udp.dport) in s then drop }"), on("b0"));
    REQUIRE(engine);
    auto set = (*engine)->set("s");
    REQUIRE(set);
    std::vector<std::string> values;
    for (int i = 0; i < 100'000; ++i)
        values.push_back("10.1." + std::to_string(i / 256 % 256) + "." + std::to_string(i % 256) + ", " +
                         std::to_string(1 + i / 65536));
    const std::vector<std::string> some(values.begin(), values.begin() + 1000);
    const std::clock_t begun = std::clock();
    for (const std::string& value : some) REQUIRE(set->add({value}, std::nullopt)->added == 1);
    const std::clock_t one_by_one = std::clock() - begun;
    CHECK(set->add(values, std::nullopt)->added == values.size());
    // A value costs less than where each is a request of its own, whatever the machine's speed.
    CHECK((std::clock() - begun - one_by_one) / static_cast<std::clock_t>(values.size()) <
          one_by_one / static_cast<std::clock_t>(some.size()));
    CHECK(*set->count() == values.size());
    CHECK(set->add({"10.2.0.1, 1"}, std::nullopt)->refused == 1);
    CHECK(set->add({values.front()}, std::nullopt)->added == 1);
    CHECK(*set->remove(values) == values.size());
    CHECK(*set->count() == 0);
}
