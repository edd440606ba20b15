// Counting what tables hold, and taking expired entries out of sets: while somebody waits for a status, and beside it.
#include <bpf/bpf.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <functional>
#include <iterator>
#include <thread>

#include "runtime/state/set_changer.h"
#include "runtime/state/state_count.h"
#include "runtime/state/state_upkeep.h"
#include "tests/kernel/wire.h"

using namespace weir;
using namespace weir::test;
using runtime::CountedMap;
using runtime::Engine;
using runtime::StateUpkeep;
using namespace std::chrono_literals;

namespace {

constexpr const char* kSet =
    "set s : ip size 200000 rule r { when ip.src in s then drop }"
    "rule w { when udp.dport == 7 then add ip.src to s }";
constexpr std::uint32_t kMany = 100'000;  // entries and keys: tables of several pieces

runtime::Program loaded(const std::string& text) {
    auto program = runtime::Program::load(compiled(text), {});
    REQUIRE(program);
    return std::move(*program);
}

// One packet of each of `count` sources.
void run(const runtime::Program& program, std::uint32_t count) {
    Frame frame = udp(9);
    for (std::uint32_t i = 0; i < count; ++i) {
        for (std::size_t byte = 0; byte < 4; ++byte) frame[26 + byte] = static_cast<std::uint8_t>(i >> (24 - 8 * byte));
        LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame.data(),
                    .data_size_in = static_cast<std::uint32_t>(frame.size()), .repeat = 1);
        REQUIRE(bpf_prog_test_run_opts(program.fd(), &opts) == 0);
    }
}

std::vector<std::string> values(std::uint32_t first, std::uint32_t count) {
    std::vector<std::string> all;
    for (std::uint32_t i = first; i < first + count; ++i)
        all.push_back(std::to_string(10 + (i >> 24)) + "." + std::to_string(i >> 16 & 255) + "." +
                      std::to_string(i >> 8 & 255) + "." + std::to_string(i & 255));
    return all;
}

void wait_until(const std::function<bool()>& holds) {
    for (int i = 0; i < 10'000 && !holds(); ++i) std::this_thread::sleep_for(1ms);
    CHECK(holds());
}

// A set of kMany entries, of which ten have ended.
struct SetWithExpired {
    runtime::Program program = loaded(kSet);
    CountedMap map = program.state().counted().front();
    SetWithExpired() {
        const bpf::SetInfo info = compiled(kSet).manifest.sets.front();
        auto set = runtime::LiveSet::open(info, map.fd);
        REQUIRE(set);
        REQUIRE(set->add(values(0, kMany - 10), std::nullopt)->added == kMany - 10);
        REQUIRE(set->add(values(kMany, 10), 1)->added == 10);  // for a nanosecond
    }
};

}  // namespace

TEST_CASE("keys and entries are counted now where that is quick", "[upkeep]") {
    StateUpkeep upkeep({}, 256 << 20);
    const auto program = loaded(
        "rule r { when udp and rate(ip.src) > 1/s size 200000 then drop }"
        "rule d { when udp and distinct(ip.src, by udp.dport, in 1h) > 5 size 1000 then drop }");
    CHECK(*upkeep.count(program.state().counted()) == std::vector<std::optional<std::uint64_t>>{0, 0});
    run(program, 30'000);
    const auto counts = *upkeep.count(program.state().counted());
    REQUIRE(counts.size() == 2);
    CHECK(counts[0] == 30'000u);
    CHECK(counts[1] > 0u);
    const SetWithExpired set;
    CHECK(*upkeep.count({set.map}) == std::vector<std::optional<std::uint64_t>>{kMany - 10});
}

TEST_CASE("large tables are counted beside it, and said as they were then", "[upkeep]") {
    StateUpkeep upkeep({}, 0);
    const auto program = loaded("rule r { when udp and rate(ip.src) > 1/s size 200000 then drop }");
    const std::vector<CountedMap> maps = program.state().counted();
    CHECK(*upkeep.count(maps) == std::vector<std::optional<std::uint64_t>>{0});  // nothing was ever put there
    run(program, 30'000);
    CHECK(*upkeep.count(maps) == std::vector<std::optional<std::uint64_t>>{std::nullopt});
    wait_until([&] { return (*upkeep.count(maps))[0] == 30'000u; });
    const SetWithExpired set;
    CHECK(*upkeep.count({set.map}) == std::vector<std::optional<std::uint64_t>>{kMany});  // those that ended, too
    wait_until([&] { return (*upkeep.count({set.map}))[0] == kMany - 10; });
}

TEST_CASE("a set that was changed by hand goes with the last policy that has it", "[upkeep]") {
    auto engine = Engine::start(compiled(kSet), on("b0"));
    REQUIRE(engine);
    (*engine)->tidy_sets();
    const std::set<std::string> with_set = held();
    for (int i = 0; i < 3; ++i) {
        auto set = (*engine)->set("s");
        REQUIRE(set);
        CHECK(set->add({"192.0.2." + std::to_string(i)}, std::nullopt)->added == 1);
    }
    CHECK(members(**engine, "s").size() == 3);
    const bpf::Object other = compiled("rule r { when udp.dport == 9 then drop }");
    for (int i = 0; i < 8; ++i) {  // more than are kept
        REQUIRE((*engine)->swap(other));
        REQUIRE((*engine)->poll(0));
    }
    std::set<std::string> gone;
    const std::set<std::string> now = held();
    std::set_difference(with_set.begin(), with_set.end(), now.begin(), now.end(), std::inserter(gone, gone.end()));
    REQUIRE_FALSE(gone.empty());  // the set's table among them
    CHECK(are_gone(gone));
}

TEST_CASE("expired entries are taken out of sets", "[upkeep]") {
    StateUpkeep upkeep({});
    const SetWithExpired set;
    CHECK(*runtime::count_with_expired(set.map.fd) == kMany);
    upkeep.begin({set.map});
    wait_until([&] { return *runtime::count_with_expired(set.map.fd) == kMany - 10; });
}
