#include <catch2/catch.hpp>

#include <bpf/bpf.h>

#include <string>

#include "runtime/engine/accounts.h"
#include "runtime/state/state_count.h"
#include "tests/kernel/trial.h"

using namespace weir;
using namespace weir::test;

TEST_CASE("a flood of sources evicts nobody who has been counted more often than they", "[eviction]") {
    const auto program = loaded(compiled("rule r { when udp and count(ip.src, in 1d) > 100 size 65536 then drop }"), 0);
    constexpr std::uint32_t kSources = 1'000'000, kSteady = 50, kRound = 5'000;
    const Frame frame = udp(23);
    for (std::uint32_t i = 0; i < kSources; ++i) {
        run(program, from(frame, 0x0b000000 + i), 1);
        if (i % kRound == 0)
            for (std::uint32_t steady = 0; steady < kSteady; ++steady)
                run(program, from(frame, 0xc6336400 + steady), 1);
    }
    bpf::Manifest manifest;
    manifest.rules.resize(1);
    auto counts = runtime::read_counts(program, manifest);
    REQUIRE(counts);
    CHECK(counts->rows[0].packets == kSteady * (kSources / kRound - 100));  // each of them from its 101st packet on
    const auto kept = runtime::count_held(program.state().counted().front());
    REQUIRE(kept);
    CHECK(*kept >= 65'536);
    CHECK(*kept < 132'000);  // twice as many cells, so that none goes early
    CHECK(counts->state.front().second.inserted == kSources + kSteady);
    CHECK(counts->state.front().second.refused == 0);
}

TEST_CASE("no key of a term goes before its table is half full, and hardly one before it is full", "[eviction]") {
    const auto program = loaded(compiled("rule r { when udp and count(ip.src, in 1d) > 100 size 20000 then drop }"), 0);
    const auto kept = [&] { return *runtime::count_held(program.state().counted().front()); };
    for (std::uint32_t i = 0; i < 10'000; ++i) run(program, from(udp(23), 0x0b000000 + i), 1);
    CHECK(kept() == 10'000);
    for (std::uint32_t i = 10'000; i < 20'000; ++i) run(program, from(udp(23), 0x0b000000 + i), 1);
    CHECK(kept() >= 19'990);
    auto accounts = runtime::read_state_accounts(program);
    REQUIRE(accounts);
    CHECK(accounts->front().second.evicted == 20'000 - kept());
}

namespace {

// How much one source that sends 1,000 packets a second gets through in ten seconds. In a flood ten packets of sources
// that nobody has seen before come between any two of its own: 100,000 sources in all.
std::uint64_t admitted(const std::string& term, bool flood) {
    const auto program = loaded(compiled("rule r { when udp and " + term + " then drop }"), 1);
    const int clock = program.map("weir_clock");
    const std::uint32_t zero = 0, attacker = 0xc6336407;
    constexpr std::uint32_t kPackets = 10'000, kBetween = 10;
    bpf::Manifest manifest;
    manifest.rules.resize(1);
    for (std::uint32_t i = 0; i < kPackets; ++i) {
        const std::uint64_t now_ns = std::uint64_t{i} * 1'000'000;
        REQUIRE(bpf_map_update_elem(clock, &zero, &now_ns, BPF_ANY) == 0);
        run(program, from(udp(static_cast<std::uint16_t>(1000 + i % 1000)), attacker), 1);
        for (std::uint32_t other = 0; flood && other < kBetween; ++other)
            run(program, from(udp(23), 0x0b000000 + i * kBetween + other), 1);
    }
    auto counts = runtime::read_counts(program, manifest);
    REQUIRE(counts);
    if (flood) CHECK(counts->state.front().second.evicted != 0);
    return kPackets - counts->rows[0].packets;  // sources of one packet are within every limit
}

}  // namespace

TEST_CASE("who is over a limit gains nothing by a flood of 100,000 sources", "[eviction]") {
    for (const char* term :
         {"rate(ip.src) > 600/min burst 50 size 500", "rate(ip.src) > 600/h burst 50 size 1000",
          "byterate(ip.src) > 100B/s burst 3KB size 1000", "count(ip.src, in 1s) > 50 size 1000",
          "count(ip.src, in 10s) > 50 size 20000", "distinct(udp.dport, by ip.src, in 1s) > 20 size 1000",
          "distinct(udp.dport, by ip.src, in 10s) > 200 size 1000"}) {
        const std::uint64_t without = admitted(term, false), with = admitted(term, true);
        INFO(term << ": " << without << " without, " << with << " with");
        CHECK(without > 0);
        CHECK(with <= without + without / 20);
    }
}

TEST_CASE("a flood of 100,000 sources takes no entry out of a set", "[eviction]") {
    const auto object = compiled(
        "set banned : ip size 1000 rule inside { when udp.dport == 23 and ip.src in banned then drop } "
        "rule add { when udp.dport == 24 then add ip.src to banned for 1h }");
    const auto program = loaded(object, 0);
    constexpr std::uint32_t kBans = 50, kSources = 100'000, kFirst = 0xc6336400;
    for (std::uint32_t i = 0; i < kBans; ++i) run(program, from(udp(24), kFirst + i), 1);
    for (std::uint32_t i = 0; i < kSources; ++i) run(program, from(udp(24), 0x0b000000 + i), 1);
    for (std::uint32_t i = 0; i < kBans; ++i) run(program, from(udp(23), kFirst + i), 1);
    const auto counts = *runtime::read_counts(program, object.manifest);
    CHECK(counts.rows[0].packets == kBans);
    CHECK(counts.state.front().second.inserted == 1000);
    CHECK(counts.state.front().second.refused == kSources - (1000 - kBans));
}
