// What goes where a table has no room, and that every evaluator says so.
#include <catch2/catch.hpp>

#include "tests/support/table.h"

using namespace weir;
using namespace weir::tests;

namespace {

Bytes from(std::uint32_t source) { return patched(udp4(), 26, be32(source)); }

std::unique_ptr<Evaluators> evaluators(const std::string& policy) {
    auto created = Evaluators::create(policy);
    INFO(policy << "\n" << why_not(created));
    REQUIRE(created);
    return std::move(*created);
}

}  // namespace

TEST_CASE("evaluators agree until one of them says that it evicted a key", "[eviction]") {
    for (const char* term :
         {"rate(ip.src) > 1/h", "count(ip.src, in 1h) > 1", "distinct(udp.dport, by ip.src, in 1h) > 0"}) {
        INFO(term);
        const auto engines = evaluators(std::string("rule r { when udp and ") + term + " size 100 then drop }");
        std::string difference;
        for (int round = 0; round < 2; ++round)
            for (std::uint32_t source = 0; source < 50; ++source) engines->judge(from(source), difference);
        CHECK(difference == "");
        CHECK_FALSE(engines->have_evicted());
        for (std::uint32_t source = 0; source < 2000; ++source) engines->judge(from(source), difference);
        CHECK(engines->have_evicted());
        engines->reset();
        CHECK_FALSE(engines->have_evicted());
    }
}

TEST_CASE("in a full set an entry that has ended gives way to an add, wherever it is", "[eviction]") {
    constexpr std::uint32_t kSize = 3000;  // a hundred groups of the table
    const auto engines = evaluators(
        "set s : ip size 3000\nrule inside { when udp.dport == 53 and ip.src in s then drop }\n"
        "rule short { when udp.dport == 1 then add ip.src to s for 1s }\n"
        "rule long { when udp.dport == 2 then add ip.src to s }\n"
        "rule again { when udp.dport == 3 then add ip.src to s for 1h }\n"
        "rule gone { when udp.dport == 4 then remove ip.src from s }\n");
    std::string difference;
    const auto send = [&](std::uint16_t port, std::uint32_t source, std::uint64_t time_ns) {
        return engines->judge(patched(udp4({.destination = port}), 26, be32(source)), difference, time_ns);
    };
    const auto has = [&](std::uint32_t source, std::uint64_t time_ns) {
        return send(53, source, time_ns).verdict == 1;
    };
    constexpr std::uint64_t kSecond = 1'000'000'000;
    for (std::uint32_t source = 0; source < kSize; ++source) send(source % 500 == 7 ? 1 : 2, source, 0);
    send(2, kSize, kSecond - 1);
    CHECK_FALSE(has(kSize, kSecond - 1));  // full of entries that count
    send(3, 7, kSecond - 1);               // one of the six has another time, one is removed
    send(4, 507, kSecond - 1);
    for (std::uint32_t i = 0; i < 7; ++i) send(2, 2 * kSize + i, kSecond);
    for (std::uint32_t i = 0; i < 7; ++i) CHECK(has(2 * kSize + i, kSecond) == (i < 5));
    CHECK(has(7, kSecond));
    send(2, 3 * kSize, 3601 * kSecond);
    CHECK(has(3 * kSize, 3601 * kSecond));
    CHECK_FALSE(has(7, 3601 * kSecond));
    CHECK(difference == "");
}
