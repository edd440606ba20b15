// What goes where a table has no room, and that every evaluator says so.
#include <catch2/catch.hpp>

#include "tests/support/table.h"

using namespace weir;
using namespace weir::tests;

namespace {

Bytes from(std::uint32_t source) { return patched(udp4(), 26, be32(source)); }

std::unique_ptr<Evaluators> evaluators(const std::string& policy) {
    std::string error;
    auto engines = Evaluators::create(policy, error);
    INFO(policy << "\n" << error);
    REQUIRE(engines);
    return engines;
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
