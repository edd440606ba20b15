// Two policies against brute force: a packet changes if and only if it is in a class, which says how; the text of a
// class parses back to its packets.
#include "compiler/analysis/policy_diff.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "compiler/analysis/condition_of.h"
#include "compiler/analysis/other_changes.h"
#include "compiler/analysis/probe_frames.h"
#include "compiler/analysis/value_ranges.h"
#include "compiler/compiler.h"
#include "compiler/oracle/evaluate.h"
#include "grammar/base/seeded.h"
#include "tests/bench/rule_shapes.h"
#include "tooling/judge/witness.h"

using namespace weir;
using analysis::Bdd;
using tooling::outcome_of;

namespace {

struct Parsed {
    Sources sources{};
    Diagnostics diagnostics{};
    std::optional<Compiled> compiled{};
    const policy::TypedPolicy& policy() const { return compiled->policy; }
};

std::unique_ptr<Parsed> parsed(const std::string& text) {
    auto made = std::make_unique<Parsed>();
    sema::Files files;
    files.read = [](const std::string&) -> Result<std::string> { return std::string("192.0.2.1\n192.0.2.7\n"); };
    made->compiled = analyse(made->sources, "test.rules", text, files, made->diagnostics);
    INFO(text);
    REQUIRE(made->compiled);
    return made;
}

// Declarations that both policies of a pair have, and the policies that class texts are parsed in.
const std::string kDeclarations =
    "set some : ip from \"some.list\"\nset filled : ip ttl 1h\nalert a { message \"a\" }\nalert b { message \"b\" }\n";

struct Compared {
    std::unique_ptr<Parsed> before, after;
    std::unique_ptr<analysis::PolicyDiff> diff;
    std::unique_ptr<analysis::ConditionOf> conditions;
};

Compared compared_whole(const std::string& before, const std::string& after) {
    Compared both{parsed(before), parsed(after), nullptr, nullptr};
    both.diff = std::make_unique<analysis::PolicyDiff>(both.before->policy(), both.after->policy());
    both.conditions =
        std::make_unique<analysis::ConditionOf>(both.diff->joint().policy, both.diff->sets(), both.diff->terms());
    CHECK(both.diff->unjudged().empty());
    return both;
}

Compared compared(const std::string& before, const std::string& after) {
    return compared_whole(kDeclarations + before, kDeclarations + after);
}

std::string describe(const analysis::Outcome& outcome) {
    constexpr const char* kVerdicts[] = {"pass", "drop", "reject", "redirect"};
    std::string text = kVerdicts[static_cast<std::size_t>(outcome.verdict)];
    text += outcome.by == analysis::Outcome::By::kRule        ? " by " + outcome.rule
            : outcome.by == analysis::Outcome::By::kMalformed ? " by malformed"
                                                              : " by default";
    for (const std::string& alert : outcome.alerts) text += ", " + alert;
    return text;
}

// "pass by default -> drop by x: tcp.dport == 80", a line each.
std::string described(Compared& both) {
    std::string text;
    for (const analysis::DiffClass& one : both.diff->classes())
        text += fmt::format("{} -> {}: {}\n", describe(one.before), describe(one.after),
                            both.conditions->text(one.packets, one.around, one.direction).text);
    return text;
}

// The packets of a text, in the universe of the two policies.
Bdd::Node packets_of(Compared& both, const std::string& text, std::vector<std::unique_ptr<Parsed>>& keep) {
    keep.push_back(parsed(kDeclarations + "rule x { when tcp then add ip.src to filled, drop }\nrule c { when " + text +
                          "\n then pass }\n"));
    analysis::PacketSets sets(both.diff->sets().universe(), keep.back()->policy());
    return sets.of(keep.back()->policy().rules[1].condition);
}

const char* const kConditions[] = {
    "tcp.dport == 80",
    "tcp.dport in { 22, 80, 443 }",
    "port.dst in 1..1023",
    "udp.dport == 53",
    "ip.src in 10.0.0.0/8",
    "ip.src not in 10.0.0.0/8",
    "ip.src in { 10.1.0.0/16, 2001:db8::/32 }",
    "ip.dst == 192.0.2.1",
    "tcp.syn and not tcp.ack",
    "tcp.flags & 0x12 == 0x02",
    "tcp.flags == 0x10",
    "icmp.type == echo_request",
    "arp",
    "ip6",
    "not tcp",
    "malformed",
    "vlan.id == 7",
    "ip.ttl < 5",
    "packet.len > 60",
    "ip.src in some",
    "tcp.sport == tcp.dport",
    "ip.is_fragment",
    "eth.type == 0x0806",
    "eth.src == 02:00:00:00:00:01",
    "payload.len > 8",
    "ip.dscp == ef",
    "true",
};

std::string condition(Seeded& random) {
    const auto one = [&] { return std::string(kConditions[random.below(std::size(kConditions))]); };
    switch (random.below(5)) {
        case 0: return one();
        case 1: return fmt::format("{} and {}", one(), one());
        case 2: return fmt::format("({} or {}) and {}", one(), one(), one());
        case 3: return fmt::format("{} and not ({})", one(), one());
        default: return fmt::format("{} or {}", one(), one());
    }
}

std::string rule(Seeded& random, char name) {
    constexpr const char* kActions[] = {"pass", "drop", "reject", "alert a, drop", "alert b", "alert a, pass"};
    return fmt::format("rule {} {{ {}when {} then {} }}\n", name, random.one_in(8) ? "observe " : "", condition(random),
                       kActions[random.below(std::size(kActions))]);
}

}  // namespace

TEST_CASE("the classes of two policies, in words") {
    struct Row {
        const char* before;
        const char* after;
        const char* classes;
    };
    // clang-format off
    const Row rows[] = {
        {"rule x { when tcp.dport == 80 then drop }", "rule x { note \"the web\" when tcp and tcp.dport in { 80 } then drop }", ""},
        {"rule x { when tcp.dport == 80 then drop }", "default pass", "drop by x -> pass by default: tcp.dport == 80\n"},
        {"rule x { when tcp.dport == 80 then drop }", "rule y { when tcp.dport == 80 then drop }",
         "drop by x -> drop by y: tcp.dport == 80\n"},
        {"rule x { when tcp.dport == 80 then drop }", "rule x { when tcp.dport in 80..81 then drop }",
         "pass by default -> drop by x: tcp.dport == 81\n"},
        {"rule x { when tcp.dport == 80 then drop }", "rule n { when ip.src in 10.0.0.0/8 then pass }\nrule x { when tcp.dport == 80 then drop }",
         "drop by x -> pass by n: ip.src in 10.0.0.0/8 and tcp.dport == 80\n"
         "pass by default -> pass by n: ip.src in 10.0.0.0/8 and not malformed and not tcp.dport == 80\n"
         "pass by malformed -> pass by n: malformed and ip.src in 10.0.0.0/8\n"},
        {"rule x { when tcp.dport == 80 then alert a, drop }", "rule x { when tcp.dport == 80 then drop }",
         "drop by x, a -> drop by x: tcp.dport == 80\n"},
        {"rule x { observe when tcp.dport == 80 then alert a, drop }", "rule x { when tcp.dport == 80 then alert a, drop }",
         "pass by default, a -> drop by x, a: tcp.dport == 80\n"},
        {"default pass", "default drop", "pass by default -> drop by default: not malformed\n"
         "pass by malformed -> drop by malformed: malformed\n"},
        {"rule x { when tcp.dport == 80 and rate(ip.src) > 10/min then drop }", "rule x { when tcp.dport == 80 and rate(ip.src) > 20/min then drop }",
         "pass by default -> drop by x: tcp.dport == 80 and rate(ip.src) <= 10/min and rate(ip.src) > 20/min\n"
         "drop by x -> pass by default: tcp.dport == 80 and rate(ip.src) > 10/min and rate(ip.src) <= 20/min\n"},
        {"rule x { when tcp and count(ip.src, in 1m) > 10 then drop }", "rule x { when tcp and count(ip.src, in 1m) > 20 then drop }",
         "drop by x -> pass by default: tcp and count(ip.src, in 1m) > 10 and count(ip.src, in 1m) <= 20\n"},
        {"rule x { when ip.src in filled then drop }\nrule y { when tcp then add ip.src to filled }", "rule y { when tcp then add ip.src to filled }",
         "drop by x -> pass by default: ip.src in filled and not malformed\n"
         "drop by x -> pass by malformed: malformed and ip.src in filled\n"},
        {"rule x { when ip.src == 10.0.0.1 then drop }", "rule x { when ip.src in 10.0.0.0/30 then drop }",
         "pass by default -> drop by x: ip.src in { 10.0.0.0, 10.0.0.2/31 } and not malformed\n"
         "pass by malformed -> drop by x: malformed and ip.src in { 10.0.0.0, 10.0.0.2/31 }\n"},
        {"rule x { when tcp.flags == 0x02 then drop }", "default pass", "drop by x -> pass by default: tcp.flags == 2\n"},
        {"rule x { when tcp.syn and not tcp.ack then drop }", "default pass",
         "drop by x -> pass by default: tcp.syn and not tcp.ack\n"},
        {"rule x { when ip.src not in 10.0.0.0/8 then drop }", "default pass",
         "drop by x -> pass by default: ip.src not in 10.0.0.0/8 and not malformed\n"
         "drop by x -> pass by malformed: malformed and ip.src not in 10.0.0.0/8\n"},
        {"rule x { egress when tcp.dport == 25 then drop }", "default egress pass", "drop by x -> pass by default: tcp.dport == 25\n"},
        {"rule x { egress when rx_queue >= 0 then drop }", "default egress pass", ""},
        {"rule x { egress when rx_queue >= 0 or iface != \"eth1\" then drop }", "rule x { egress when iface == \"eth1\" then drop }",
         "pass by default -> drop by x: iface == \"eth1\"\n"
         "drop by x -> pass by default: iface != \"eth1\"\n"},
        {"rule x { egress when not rx_queue == 1 then drop }", "default egress pass", "drop by x -> pass by default: true\n"},
        {"rule x { when tcp.sport == tcp.dport then drop }", "default pass", "drop by x -> pass by default: tcp.sport == tcp.dport\n"},
        {"rule x { when udp.dport == 53 or tcp.dport == 53 then drop }", "default pass",
         "drop by x -> pass by default: port.dst == 53 and not sctp\n"},
    };
    // clang-format on
    for (const Row& row : rows) {
        Compared both = compared(row.before, row.after);
        INFO(row.before << "\n-> " << row.after);
        CHECK(described(both) == row.classes);
    }
}

TEST_CASE("a packet changes if and only if it is in a class, which says how") {
    std::size_t whole = 0;
    constexpr std::size_t kPairs = 40;
    for (std::uint64_t seed = 0; seed < kPairs; ++seed) {
        Seeded random(seed);
        std::string before = random.one_in(3) ? "default drop\n" : "";
        std::string after = random.one_in(3) ? "default drop\n" : "";
        for (char name = 'r'; name < 'v'; ++name) {
            const std::string one = rule(random, name);
            if (!random.one_in(4)) before += one;
            if (!random.one_in(4)) after += random.one_in(3) ? rule(random, name) : one;
        }
        if (before.empty()) before = "default pass\n";
        if (after.empty()) after = "default pass\n";
        Compared both = compared(before, after);
        INFO("seed " << seed << "\n" << before << "-> " << after);
        std::vector<std::unique_ptr<Parsed>> keep;
        Bdd& bdd = both.diff->sets().bdd();
        Bdd::Node any = Bdd::kFalse;
        std::vector<analysis::ConditionText> texts;
        for (const analysis::DiffClass& one : both.diff->classes()) {
            CHECK(one.packets != Bdd::kFalse);
            CHECK(one.before != one.after);
            CHECK(bdd.both(any, one.packets) == Bdd::kFalse);
            any = bdd.either(any, one.packets);
            texts.push_back(both.conditions->text(one.packets, one.around, one.direction));
            const analysis::ConditionText& text = texts.back();
            INFO(text.text);
            const Bdd::Node again = packets_of(both, text.text, keep);
            if (text.is_whole) CHECK(again == one.packets);
        }
        const bool all_whole = std::all_of(texts.begin(), texts.end(), [](const auto& text) { return text.is_whole; });
        whole += all_whole ? 1u : 0u;
        if (!all_whole) continue;
        for (const auto* side : {both.before.get(), both.after.get()})
            for (const auto& frame : analysis::probe_frames(side->policy(), 40, seed)) {
                const packet::Packet packet(frame);
                oracle::Oracle first(both.before->policy()), second(both.after->policy());
                const auto was = outcome_of(both.before->policy(), first.judge(packet, 0));
                const auto is = outcome_of(both.after->policy(), second.judge(packet, 0));
                std::size_t members = 0;
                for (std::size_t i = 0; i < both.diff->classes().size(); ++i) {
                    const auto& holder = keep[i]->policy();
                    oracle::Oracle reader(holder);
                    if (!reader.holds(holder.rules[1].condition, packet)) continue;
                    ++members;
                    CHECK(describe(both.diff->classes()[i].before) == describe(was));
                    CHECK(describe(both.diff->classes()[i].after) == describe(is));
                }
                CHECK(members == (was == is ? 0u : 1u));
            }
    }
    CHECK(whole * 2 > kPairs);
}

TEST_CASE("ten rules of many in which much overlaps, changed") {
    constexpr std::uint32_t kRules = 1000;
    for (const std::string_view name : bench::shape_names()) {
        INFO(name);
        std::vector<bench::ShapedRule> rules = bench::make_rules(*bench::shape_named(name), kRules, 1);
        const std::string before = bench::policy_text(rules, name);
        for (std::size_t i = 0; i < 8; ++i) rules[100 * i + 50].drops = !rules[100 * i + 50].drops;
        std::swap(rules[850], rules[950]);  // their names stay where they were
        const std::vector<std::vector<std::uint8_t>> frames = bench::make_frames(rules, 4000, 1);
        Compared both = compared_whole(before, bench::policy_text(rules, name));
        // Of what decides both before and after, no packets are looked at rule by rule.
        CHECK(both.diff->sets().bdd().steps() < 4'000'000);
        std::set<std::pair<std::string, std::string>> classes;
        for (const analysis::DiffClass& one : both.diff->classes())
            classes.emplace(describe(one.before), describe(one.after));
        oracle::Oracle first(both.before->policy()), second(both.after->policy());
        std::size_t changed = 0;
        for (const auto& frame : frames) {
            const std::string was = describe(outcome_of(both.before->policy(), first.judge(frame, 0)));
            const std::string is = describe(outcome_of(both.after->policy(), second.judge(frame, 0)));
            if (was == is) continue;
            ++changed;
            CHECK(classes.contains({was, is}));
        }
        CHECK((changed != 0) == !classes.empty());
    }
}

TEST_CASE("values of a field as ranges") {
    Bdd bdd;
    const std::vector<Bdd::Variable> bits{3, 4, 5};
    const Bdd::Node high = bdd.variable(3), low = bdd.variable(5);
    CHECK(*analysis::ranges_of(bdd, high, bits, 8) == analysis::WideRanges{{{0, 4}, {0, 7}}});
    CHECK(analysis::complement({{{0, 4}, {0, 7}}}, 3) == analysis::WideRanges{{{0, 0}, {0, 3}}});
    CHECK(analysis::ranges_of(bdd, low, bits, 8)->size() == 4);
    CHECK_FALSE(analysis::ranges_of(bdd, low, bits, 3));
    CHECK(*analysis::masked_value(bdd, bdd.both(high, low), bits) == std::pair<std::uint64_t, std::uint64_t>(5, 5));
}

TEST_CASE("what no packet shows") {
    const auto before = parsed(
        "set s : ip size 10\nalert a { message \"a\" throttle 1 per ip.src every 1m }\nrule x { when tcp then alert a, "
        "add "
        "ip.src to s for 1h, drop }\nsink out = stdout()\n");
    const auto after = parsed(
        "set s : ip size 20\nalert a { message \"b\" throttle 2 per ip.src every 1m }\nrule x { when tcp then alert a, "
        "add "
        "ip.src to s for 2h, drop }\n");
    CHECK(analysis::other_changes(before->policy(), after->policy()) ==
          std::vector<std::string>{"rule x: add ip.src to s for 2h, before add ip.src to s for 1h",
                                   "alert a: its message differs", "alert a: its throttle differs", "sink out: removed",
                                   "set s: size: 20, before 10"});
    CHECK(analysis::other_changes(before->policy(), before->policy()).empty());
}
