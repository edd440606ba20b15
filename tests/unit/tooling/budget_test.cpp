// Budgets: what is over them is said at what costs most.
#include <catch2/catch.hpp>

#include "tests/unit/tooling/judging.h"
#include "tooling/judge/budget.h"
#include "tooling/judge/evaluators.h"
#include "tooling/judge/validate.h"

using namespace weir;
using namespace weir::tooling;
using namespace weir::tests;

namespace {

constexpr const char* kPolicy =
    "rule cheap { when tcp.dport == 22 then drop }\n"
    "rule dear { when payload contains \"abc\" then drop }\n"
    "rule wide { when udp and rate(ip.src) > 5/s size 200000 then drop }\n"
    "rule narrow { when icmp and rate(ip.src) > 5/s size 1000 then drop }\n";

PolicyCosts known_costs(const policy::TypedPolicy& policy, const ir::Decision& decision) {
    PolicyCosts costs;
    costs.worst_ns = 140;
    costs.median_ns = 90;
    costs.insns = 5000;
    costs.memory_bytes = 30'000'000;
    costs.rules = ir::rule_costs(decision);
    costs.tables = policy::table_bytes(policy);
    return costs;
}

}  // namespace

TEST_CASE("a figure above the budget is said at what costs most, with what is next") {
    const auto loaded = loaded_policy(kPolicy);
    const policy::TypedPolicy& policy = loaded.compiled->policy;
    const PolicyCosts costs = known_costs(policy, loaded.compiled->decision);
    CHECK(over_budget(costs, {.ns = 140, .insns = 5000, .memory_bytes = 30'000'000}, policy).empty());
    const auto said = over_budget(costs, {.ns = 100, .insns = 4999, .memory_bytes = 16'000'000}, policy);
    REQUIRE(said.size() == 3);
    for (const Diagnostic& one : said) CHECK(one.code == Code::E540);
    CHECK(said[0].message == "a packet takes up to 140 ns (an estimate, median 90 ns), and the budget is 100 ns");
    CHECK(said[0].notes.size() == 2);
    CHECK(said[1].notes.size() == 2);
    CHECK(said[2].label.find("rate(ip.src)") != std::string::npos);
    CHECK(loaded.sources.text(said[2].span).find("200000") != std::string::npos);
    REQUIRE(said[2].notes.size() == 1);
    CHECK(over_budget(costs, {.insns = 4999}, policy).size() == 1);
}

TEST_CASE("what a policy costs is measured where that is allowed, else estimated") {
    const auto loaded = loaded_policy(kPolicy);
    const auto costs = costs_of(*loaded.compiled, Ns::kMeasured);
    REQUIRE(costs);
    CHECK(costs->is_measured == kernel_is_allowed());
    CHECK(costs->insns > 500);
    CHECK(costs->insns < 1'000'000);
    CHECK(costs->memory_bytes > 12'000'000);
    CHECK(costs->worst_ns >= costs->median_ns);
    CHECK(costs->worst_ns > 0);
    CHECK(costs->rules.size() == 4);
    CHECK(costs->tables.size() == 2);
    const auto without = costs_of(*loaded.compiled, Ns::kNotWanted);
    REQUIRE(without);
    CHECK(without->insns == costs->insns);
}

TEST_CASE("packets that meet the rules are found for measuring") {
    const auto loaded = loaded_policy("rule a { when tcp.dport == 22 then drop }\nrule b { when arp then drop }\n");
    Evaluators oracle(*loaded.compiled);
    REQUIRE(oracle.add(Evaluator::kOracle));
    std::vector<ShownPacket> witnesses;
    ValidateOptions options;
    options.witnesses = &witnesses;
    REQUIRE(validate(*loaded.compiled, oracle, options));
    REQUIRE(witnesses.size() == 16);
    CHECK(witnesses[0].rule == 0);
    CHECK(witnesses[15].rule == 1);
}

TEST_CASE("instructions of an object are counted") {
    const auto loaded = loaded_policy(kPolicy);
    const auto object = compile(*loaded.compiled, {});
    REQUIRE(object);
    const std::uint64_t insns = program_insns(object->elf);
    CHECK(insns > 500);
    CHECK(insns * 8 < object->elf.size());
    CHECK(program_insns({}) == 0);
    std::vector<std::uint8_t> cut(object->elf.begin(), object->elf.begin() + 100);
    CHECK(program_insns(cut) == 0);
}
