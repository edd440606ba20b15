// State at the limits of docs/limits.md: accepted policies load, with all of BPF's stack that they may take.
#include <catch2/catch.hpp>

#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "tests/support/joined.h"
#include "tests/support/table.h"

using namespace weir;
using namespace weir::tests;

namespace {

// Loads on every engine; the frame meets the rule of that number, or the default.
void check_decides(const std::string& about, const std::string& policy, std::optional<std::uint32_t> rule) {
    INFO(about);
    std::string difference;
    auto created = Evaluators::create(policy);
    INFO(why_not(created).substr(0, 4000));
    REQUIRE(created);
    auto& engines = *created;
    Judged judged;
    for (int i = 0; i < 8; ++i) judged = engines->judge(tcp4(), difference, 5);
    CHECK(difference == "");
    CHECK((judged.by == Judged::By::kRule) == rule.has_value());
    CHECK(judged.rule == rule.value_or(0));
}

}  // namespace

TEST_CASE("as much state as a policy may have", "[limits]") {
    constexpr const char* kKeys[] = {"ip.src", "tcp.dport", "ip.src, ip.dst, tcp.sport, tcp.dport",
                                     "eth.src, eth.dst, ip.src, ip.dst"};
    const auto terms = [&](std::size_t rule) {
        return joined(4, " and ", [&](std::size_t i) {
            return fmt::format("count({}, in {}s) > {} size 16", kKeys[i], 1 + rule, i == 3 && rule != 255 ? 9 : 1);
        });
    };
    check_decides(
        "256 rules of four terms",
        joined(256, "",
               [&](std::size_t i) { return fmt::format("rule r{} {{ when tcp and {} then drop }}\n", i, terms(i)); }),
        255);
    check_decides(
        "four terms as code",
        fmt::format("rule r {{ when tcp and {} then alert a, drop }}\nalert a {{ message \"x\" }}\n", terms(255)), 0);
}

// The functions of a term that is the only one of its kind are a part of what calls them, with their part of the stack.
TEST_CASE("one term of each kind, with all else that a rule may do", "[limits]") {
    constexpr const char* kKey = "ip.src, ip.dst, eth.src, eth.dst";
    constexpr const char* kBy = "by ip.src, by ip.dst, by eth.src, by eth.dst";
    std::vector<std::string> terms{"rate(ip.ttl) > 1/d", fmt::format("count({}, in 1h) > 1", kKey),
                                   "surge(ip.ttl, in 1h) > 3", fmt::format("surge({}, in 1h) > 3", kKey)};
    for (const char* by : {"by ip.ttl", kBy})
        for (const char* more : {"distinct(packet.len, {}, in 1h) > 0", "distinct(packet.len, {}, in 1h) > 40",
                                 "share(payload contains \"x\", {}, in 1h, of 1) > 0%"})
            terms.push_back(fmt::format(fmt::runtime(more), by));
    for (const std::string& term : terms)
        check_decides(
            term,
            fmt::format("record 128 bytes, 64 packets\nset s : (ip, ip, net) size 8 ttl 1m\nrule r {{ when tcp "
                        "and {} then alert a, capture before 2 per ip.src, measure packet.len by ip.src, add "
                        "(ip.src, ip.dst, ip.src) to s }}\nrule d {{ when tcp then drop }}\nalert a {{ message "
                        "\"{{http.path}}\" throttle 1 per {} every 1h }}\n",
                        term, kKey),
            1);
}

TEST_CASE("as many changes of sets as a rule may make", "[limits]") {
    const std::string sets =
        joined(16, "", [](std::size_t i) { return fmt::format("set s{} : (ip, ip, ip) size 8 ttl 1m\n", i); });
    const std::string adds = joined(16, ", ", [](std::size_t i) {
        return fmt::format("add (ip.src, ip.dst, ip.{}) to s{}", i % 2 == 0 ? "src" : "dst", i);
    });
    const std::string in = joined(16, " and ", [](std::size_t i) {
        return fmt::format("(ip.src, ip.dst, ip.{}) in s{}", i % 2 == 0 ? "src" : "dst", i);
    });
    const std::string few =
        sets + fmt::format("rule all {{ when {} then drop }}\nrule add_all {{ when tcp then {} }}\n", in, adds);
    check_decides("as code", few, 0);
    const std::string many = joined(100, "", [](std::size_t i) {
        return fmt::format("rule s{} {{ when tcp.dport == {} and ip.src == 10.0.0.{} then pass }}\n", i, 1000 + i, i);
    });
    check_decides("as trees", few + many, 0);
    const std::string alerts = joined(16, ", ", [](std::size_t) { return std::string("alert a"); });
    check_decides("with alerts and state",
                  few + many +
                      fmt::format("rule more {{ when tcp and rate(ip.src, ip.dst, eth.src, eth.dst) > 1/d then {}, {}, "
                                  "drop }}\nalert a {{ message \"x\" }}\n",
                                  alerts, adds),
                  0);
}

TEST_CASE("nets in the widest keys, with all of the stack", "[limits]") {
    const std::string sets = joined(16, "", [](std::size_t i) {
        return fmt::format("set s{} : (ip, ip, net) size 8\nset t{} : net size 8\n", i, i);
    });
    const std::string in = joined(16, " or ", [](std::size_t i) {
        return fmt::format("(ip.src, ip.dst, ip.{}) in s{} or ip.src in t{}", i % 2 == 0 ? "src" : "dst", i, i);
    });
    const std::string few = sets + fmt::format(
                                       "rule none {{ when {} then drop }}\nrule all {{ when tcp and rate(ip.src, "
                                       "ip.dst, eth.src, eth.dst) > 1/d then drop }}\n",
                                       in);
    check_decides("as code", few, 1);
    const std::string many = joined(100, "", [](std::size_t i) {
        return fmt::format("rule s{} {{ when tcp.dport == {} and ip.src == 10.0.0.{} then pass }}\n", i, 1000 + i, i);
    });
    check_decides("as trees", few + many, 1);
}

TEST_CASE("as many changes of nets as a rule may make, in the widest keys", "[limits]") {
    const auto field = [](std::size_t i) { return i % 2 == 0 ? "src" : "dst"; };
    const std::string sets =
        joined(16, "", [](std::size_t i) { return fmt::format("set s{} : (ip, ip, net) size 8 ttl 1m\n", i); });
    const std::string adds = joined(16, ", ", [&](std::size_t i) {
        return fmt::format("add (ip.src, ip.dst, ip.{}/{}/{}) to s{}", field(i), 8 + i, 33 + i, i);
    });
    const std::string in =
        joined(16, " and ", [&](std::size_t i) { return fmt::format("(ip.src, ip.dst, ip.{}) in s{}", field(i), i); });
    const std::string few =
        sets + fmt::format("rule all {{ when {} then drop }}\nrule add_all {{ when tcp then {} }}\n", in, adds);
    check_decides("as code", few, 0);
    const std::string alerts = joined(16, ", ", [](std::size_t) { return std::string("alert a"); });
    check_decides("with alerts and state",
                  few + fmt::format("rule more {{ when tcp and rate(ip.src/24, ip.dst/31, eth.src, eth.dst) > 1/d then "
                                    "{}, {}, drop }}\nalert a {{ message \"x\" throttle 1 per ip.src/24/20, ip.dst/8, "
                                    "eth.src, eth.dst every 1h }}\n",
                                    alerts, adds),
                  0);
}

TEST_CASE("thousands of rules that change one set", "[limits]") {
    const std::string rules = joined(3000, "", [](std::size_t i) {
        return fmt::format("rule r{} {{ when tcp.sport == {} then add ip.src to s }}\n", i, i);
    });
    check_decides("3,000 rules",
                  "set s : ip ttl 1m\n" + rules +
                      "rule all { when tcp then add ip.dst to s }\nrule last { when ip.dst in s then drop }\n",
                  3001);
}

TEST_CASE("state of rules that never match is compiled, and nothing reads it", "[limits]") {
    check_decides("no packet",
                  "set s : ip ttl 1m\nrule a { when tcp and udp and rate(ip.src) > 1/s then add ip.src to s, drop }\n"
                  "rule b { when false and distinct(ip.src, by ip.dst, in 1s) > 1 then alert x sample 1/2, drop }\n"
                  "alert x { message \"\" throttle 1 per ip.src every 1m }\n",
                  std::nullopt);
}

TEST_CASE("rules of four lists of distinct values each", "[limits]") {
    constexpr const char* kValues[] = {"tcp.dport", "eth.src", "ip.src", "packet.len"};
    const auto rule = [&](std::size_t number) {
        return fmt::format("rule r{} {{ when {} then drop }}\n", number, joined(4, " and ", [&](std::size_t i) {
                               return fmt::format(
                                   "distinct({}, by ip.src, by ip.dst, by eth.src, by tcp.dport, in {}s) > {} size 16",
                                   kValues[i], number + 1, number == 39 ? 0 : 32);
                           }));
    };
    check_decides("40 rules", joined(40, "", rule), 39);
}
