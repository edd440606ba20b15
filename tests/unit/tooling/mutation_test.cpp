// Mutants of policies: which there are, which change nothing, which tests notice, and steps that would.
#include "tooling/judge/mutation.h"

#include <algorithm>

#include "tests/unit/tooling/judging.h"
#include "tooling/judge/suggest.h"

using namespace weir;
using namespace weir::tooling;
using namespace weir::tests;

namespace {

using Outcome = JudgedMutant::Outcome;

std::vector<std::string> mutants(const std::string& policy) {
    const LoadedPolicy loaded = loaded_policy(policy);
    std::vector<std::string> changes;
    for (const Mutant& one : mutants_of(loaded.compiled->policy, loaded.sources, 0)) changes.push_back(one.change);
    return changes;
}
bool has(const std::vector<std::string>& all, const std::string& one) {
    return std::find(all.begin(), all.end(), one) != all.end();
}

Mutation mutated(const LoadedPolicy& loaded, std::size_t threads = 1) {
    MutationOptions options;
    options.threads = threads;
    auto mutation = mutate(loaded, options);
    REQUIRE(mutation);
    return std::move(*mutation);
}

Outcome outcome(const Mutation& mutation, const std::string& change) {
    for (const JudgedMutant& one : mutation.mutants)
        if (one.mutant.change == change) return one.outcome;
    FAIL("no mutant " + change);
    return {};
}

}  // namespace

TEST_CASE("mutants move boundaries, drop conditions, and turn verdicts, order and terms") {
    const auto all = mutants(
        "rule a { when tcp.dport in 8000..8099 and ip.src in 10.0.0.0/8 and not tcp.ack then drop }\n"
        "rule b { when udp and rate(ip.src) > 5/s then alert x, drop }\n"
        "rule c { when ip.ttl == 3 or tcp.sport == tcp.dport then pass }\ndefault drop\n"
        "alert x { message \"x\" }\n");
    for (const char* one :
         {"`tcp.dport in 8000..8099` from 7999 instead of 8000", "`tcp.dport in 8000..8099` from 8001 instead of 8000",
          "`tcp.dport in 8000..8099` to 8098 instead of 8099", "`tcp.dport in 8000..8099` to 8100 instead of 8099",
          "`ip.src in 10.0.0.0/8` with 10.0.0.0/9 instead of 10.0.0.0/8",
          "`ip.src in 10.0.0.0/8` with 10.0.0.0/7 instead of 10.0.0.0/8", "without `ip.src in 10.0.0.0/8`",
          "without the `not` of `not tcp.ack`", "`a` with `pass` instead of `drop`", "`a` after `b`",
          "`rate(ip.src) > 5/s` with a higher limit", "`rate(ip.src) > 5/s` with a lower limit",
          "`rate(ip.src) > 5/s` without its key ip.src", "without `rate(ip.src) > 5/s`", "without `alert x`",
          "`ip.ttl == 3` with 4 instead of 3", "without `ip.ttl == 3`", "`tcp.sport == tcp.dport` with `!=`",
          "`default` with `pass` instead of `drop`"}) {
        INFO(one);
        CHECK(has(all, one));
    }
}

TEST_CASE("mutants of entries and times of sets, and none of entries that a file has") {
    const auto all = mutants(
        "set a : ip = { 10.0.0.1, 10.0.0.2 }\nset b : ip ttl 10s\n"
        "rule r { when ip.src in a then add ip.src to b for 1h }\nrule s { when ip.src in b then drop }\n");
    for (const char* one : {"`a` without 10.0.0.1", "`a` without 10.0.0.2", "`b` with twice the `ttl`",
                            "an entry of `b` that stays half as long", "without the change of `b`"}) {
        INFO(one);
        CHECK(has(all, one));
    }
}

TEST_CASE("mutants that are equivalent do not count") {
    const LoadedPolicy loaded = loaded_policy(
        "rule a { when tcp and tcp.dport == 22 then drop }\nrule b { when tcp.dport == 22 then pass }\n"
        "rule c { when udp.dport == 53 then drop }\nrule d { when tcp.dport == 80 then pass }\n"
        "test \"t\" { tcp 10.0.0.1:1 -> 10.0.0.2:22 => drop by a }\n");
    const Mutation mutation = mutated(loaded);
    CHECK(outcome(mutation, "without `tcp`") == Outcome::kEquivalent);
    CHECK(outcome(mutation, "`b` with `drop` instead of `pass`") == Outcome::kEquivalent);
    CHECK(outcome(mutation, "`c` after `d`") == Outcome::kEquivalent);
    CHECK(outcome(mutation, "`a` after `b`") == Outcome::kNoticed);
    CHECK(outcome(mutation, "`tcp.dport == 80` with 81 instead of 80") == Outcome::kNotNoticed);
}

TEST_CASE("steps that would notice do, once they are pasted") {
    const std::string policy =
        "let office = { 203.0.113.0/24 }\n"
        "rule guess { when tcp.dport == 22 and ip.src not in office and rate(ip.src) > 3/min then alert g, drop }\n"
        "rule web { when tcp.dport in 80..89 and ip.ttl > 3 then pass }\n"
        "rule rest { when udp and payload starts_with \"GET\" then drop }\nalert g { message \"x\" }\n"
        "test \"ok\" { 3 x tcp 198.51.100.7:5 -> 192.0.2.1:22 syn => pass }\n";
    const LoadedPolicy loaded = loaded_policy(policy);
    const Mutation before = mutated(loaded);
    CHECK(before.percent() < 50);
    std::string more = policy;
    for (const SuggestedTest& test : suggested_tests(loaded, before)) {
        more += "test \"" + test.name + "\" {\n";
        for (const std::string& step : test.steps) more += "    " + step + "\n";
        more += "}\n";
    }
    INFO(more);
    const LoadedPolicy after = loaded_policy(more);
    const Mutation better = mutated(after);
    CHECK(better.failed == "");
    CHECK(better.percent() > 95);
}

TEST_CASE("mutate gives the same answer with any number of threads, and none where a test fails") {
    const std::string rules = "rule a { when tcp.dport in 20..30 then drop }\nrule b { when udp then drop }\n";
    const LoadedPolicy loaded = loaded_policy(rules + "test \"t\" { tcp 10.0.0.1:1 -> 10.0.0.2:22 => drop by a }\n");
    const Mutation one = mutated(loaded, 1), three = mutated(loaded, 3);
    REQUIRE(one.mutants.size() == three.mutants.size());
    for (std::size_t i = 0; i < one.mutants.size(); ++i) {
        CHECK(one.mutants[i].outcome == three.mutants[i].outcome);
        CHECK(one.mutants[i].steps == three.mutants[i].steps);
    }
    CHECK(mutated(loaded_policy(rules + "test \"t\" { tcp 10.0.0.1:1 -> 10.0.0.2:22 => pass }\n")).failed == "t");
}

TEST_CASE("steps: what is equal in a row is one, and a packet that matches a rule is found") {
    const LoadedPolicy loaded = loaded_policy(
        "rule many { when udp and count(ip.src, in 10s) > 3 then alert a, drop }\nalert a { message \"x\" }\n"
        "test \"t\" { udp 10.0.0.1:1 -> 10.0.0.2:53 => pass }\n");
    const policy::TypedPolicy& policy = loaded.compiled->policy;
    const Suggestions suggestions(policy, policy.tests);
    const Script script = suggestions.matching(0);
    REQUIRE(script.size() == 4);
    const auto steps = steps_of(policy, script, nullptr);
    REQUIRE(steps.size() == 2);
    CHECK_THAT(steps[0], Catch::StartsWith("3 x udp ") && Catch::EndsWith(" => pass by default"));
    CHECK_THAT(steps[1], Catch::EndsWith(" => drop by many, alert a"));
}
