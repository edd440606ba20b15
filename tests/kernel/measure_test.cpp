// Histograms of `measure` in a running engine.
#include <catch2/catch.hpp>

#include "runtime/state/measure_table.h"
#include "tests/kernel/wire.h"

using namespace weir;
using namespace weir::test;
using runtime::Engine;
using runtime::MeasureStatus;

namespace {

MeasureStatus measure(Engine& engine, const std::string& name) {
    for (const MeasureStatus& one : status_of(engine).measures)
        if (one.name == name) return one;
    FAIL("no measure " << name);
    return {};
}
std::uint64_t values(const MeasureStatus& measure) {
    std::uint64_t all = 0;
    for (const MeasureStatus::Key& key : measure.keys) all += key.count;
    return all;
}

}  // namespace

TEST_CASE("a status has the histograms by key; a reload keeps them, and takes them into another size", "[measure]") {
    const std::string policy =
        "rule r { when udp and udp.dport in 10..20 then measure packet.len by udp.dport as sizes";
    auto engine = Engine::start(compiled(policy + ", drop }"), on("b0"));
    REQUIRE(engine);
    Wire wire;
    std::uint64_t passed = 0;
    const auto send = [&](std::uint16_t port, int times) {
        wire.send(udp(port), times);
        wire.send(udp(9));
        wire.passed(9, ++passed);
    };
    send(10, 30);
    send(11, 10);
    MeasureStatus sizes = measure(**engine, "sizes");
    CHECK(sizes.unit == "bytes");
    REQUIRE(sizes.keys.size() == 2);
    CHECK(sizes.keys[0].key == std::vector<std::string>{"10"});
    CHECK(sizes.keys[0].count == 30);
    CHECK(sizes.keys[0].sum == 30 * sizes.keys[0].max);
    // Buckets end before powers of two: how many values are below one is exact.
    CHECK(sizes.by == std::vector<std::string>{"udp.dport"});
    REQUIRE(sizes.keys[0].buckets.size() == sizes.bounds.size());
    for (std::size_t i = 0; i < sizes.bounds.size(); ++i)
        CHECK(sizes.keys[0].buckets[i] == (sizes.bounds[i] >= sizes.keys[0].max ? 30u : 0u));
    const auto largest = static_cast<double>(sizes.keys[0].max);
    for (const std::uint64_t quantile : {sizes.keys[0].p50, sizes.keys[0].p90, sizes.keys[0].p99})
        CHECK(static_cast<double>(quantile) == Approx(largest).epsilon(0.125));
    REQUIRE((*engine)->swap(compiled("rule other { when udp.dport == 1 then drop } " + policy + ", drop }")));
    send(11, 5);
    CHECK(measure(**engine, "sizes").keys[1].count == 15);
    REQUIRE((*engine)->swap(compiled(policy + " size 2, drop }")));
    send(10, 1);
    send(12, 4);
    sizes = measure(**engine, "sizes");
    CHECK(values(sizes) == 46);
    CHECK(sizes.refused == 4);
    // Measured by something else it is another one.
    REQUIRE((*engine)->swap(compiled("rule r { when udp.dport in 10..20 then measure packet.len as sizes, drop }")));
    send(10, 3);
    sizes = measure(**engine, "sizes");
    REQUIRE(sizes.keys.size() == 1);
    CHECK(sizes.keys[0].key.empty());
    CHECK(sizes.keys[0].count == 3);
}

TEST_CASE("quantiles are within an eighth of a value that has their place", "[measure]") {
    runtime::MeasuredKey key;
    std::vector<std::uint64_t> all;
    for (std::uint64_t i = 0, value = 1; i < 5000; ++i) {
        value = value * 6364136223846793005 + 1442695040888963407;
        all.push_back(value >> (value >> 58));
    }
    for (const std::uint64_t value : all) {
        ++key.buckets[weir_bucket_of(value)];
        ++key.count;
        key.largest = std::max(key.largest, value);
    }
    std::sort(all.begin(), all.end());
    for (const std::uint32_t thousandths : {1u, 10u, 250u, 500u, 900u, 990u, 999u, 1000u}) {
        const auto exact = static_cast<double>(all[(all.size() * thousandths + 999) / 1000 - 1]);
        INFO(thousandths);
        CHECK(static_cast<double>(key.quantile(thousandths)) == Approx(exact).epsilon(0.125));
    }
    CHECK(runtime::MeasuredKey{}.quantile(500) == 0);
}
