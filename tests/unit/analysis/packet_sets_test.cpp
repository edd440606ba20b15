// Conditions as sets of packets: which are empty, which lie within another, which say nothing of one another.
#include "compiler/analysis/packet_sets.h"

#include <catch2/catch.hpp>

#include <string>

#include "compiler/analysis/universe.h"
#include "compiler/compiler.h"

using namespace weir;
using analysis::Bdd;

namespace {

enum class Relation { kEmpty, kEqual, kWithin, kDisjoint, kNeither };

std::string name_of(Relation relation) {
    constexpr const char* kNames[] = {"empty", "equal", "within", "disjoint", "neither"};
    return kNames[static_cast<std::size_t>(relation)];
}

// How the packets of `a` stand to those of `b`.
Relation relation(const std::string& a, const std::string& b) {
    Sources sources;
    Diagnostics diagnostics;
    const std::string text =
        "set some : ip from \"some.list\"\nset two : net = { 10.0.0.0/8, 2001:db8::/32 }\nset pair : (ip, port) = { "
        "(10.0.0.1, 80) }\n"
        "set filled : ip ttl 1h = { 10.0.0.1 }\nrule a { when " +
        a + " then pass }\nrule b { when " + b + " then drop }\n";
    sema::Files files;
    files.read = [](const std::string&) -> Result<std::string> { return std::string("192.0.2.1\n192.0.2.7\n"); };
    const auto compiled = analyse(sources, "test.rules", text, files, diagnostics);
    INFO(text);
    REQUIRE(compiled);
    analysis::Universe universe(compiled->policy);
    analysis::PacketSets sets(universe, compiled->policy);
    const Bdd::Node first = sets.of(compiled->policy.rules[0].condition);
    const Bdd::Node second = sets.of(compiled->policy.rules[1].condition);
    CHECK_FALSE(sets.bdd().spent());
    if (first == Bdd::kFalse) return Relation::kEmpty;
    if (first == second) return Relation::kEqual;
    if (sets.bdd().without(first, second) == Bdd::kFalse) return Relation::kWithin;
    return sets.bdd().both(first, second) == Bdd::kFalse ? Relation::kDisjoint : Relation::kNeither;
}

}  // namespace

TEST_CASE("how the packets of two conditions stand to one another") {
    struct Row {
        const char* a;
        const char* b;
        Relation relation;
    };
    // clang-format off
    const Row rows[] = {
        {"tcp.dport == 80", "tcp", Relation::kWithin},
        {"ip.src in two", "ip.src in { 10.0.0.0/8, 2001:db8::/32 }", Relation::kEqual},  // fixed, and in the policy
        {"ip.src in two and ip.src == 192.0.2.1", "tcp", Relation::kEmpty},
        {"(ip.src, tcp.dport) in pair", "ip.src in two", Relation::kWithin},
        {"ip.src == 10.0.0.1", "ip.src in filled", Relation::kNeither},  // it may be taken out
        {"tcp.dport == 80", "port.dst == 80", Relation::kWithin},
        {"tcp.dport in 80..81", "tcp.dport == 80 or tcp.dport == 81", Relation::kEqual},
        {"tcp and udp", "ip", Relation::kEmpty},
        {"ip.src in 10.0.0.0/8 and ip6", "ip", Relation::kEmpty},
        {"ip4", "ip6", Relation::kDisjoint},
        {"ip4 or ip6", "ip", Relation::kEqual},
        {"ip.src in 10.1.0.0/16", "ip.src in 10.0.0.0/8", Relation::kWithin},
        {"ip.src not in 10.0.0.0/8", "ip", Relation::kWithin},
        {"not ip.src in 10.0.0.0/8", "ip", Relation::kNeither},        // ARP has no address
        {"tcp.dport != 22", "not tcp.dport == 22", Relation::kWithin},
        {"tcp.flags & 0x3f == 0x02", "tcp.syn and not tcp.ack", Relation::kWithin},
        {"ip.src in some", "ip", Relation::kWithin},
        {"ip.src in some and ip.src not in some", "ip", Relation::kEmpty},
        {"payload contains \"a\"", "payload contains \"b\"", Relation::kNeither},
        {"eth.src == 02:00:00:00:00:01", "eth.src in { 02:00:00:00:00:01, 02:00:00:00:00:02 }", Relation::kWithin},
        {"vlan.id == 7", "vlan", Relation::kWithin},
        {"port.src < port.dst and port.dst < 100", "port.src < 99", Relation::kWithin},
        {"port.src < port.dst and port.src == 65535", "tcp", Relation::kEmpty},
        {"port.src <= port.dst and port.src >= port.dst", "port.src == port.dst", Relation::kEqual},
        {"ip.src == ip.dst and ip.src in 10.0.0.0/8", "ip.dst in 10.0.0.0/8", Relation::kWithin},
        {"eth.src == eth.dst and eth.src == 02:00:00:00:00:01", "eth.dst == 02:00:00:00:00:01", Relation::kWithin},
        {"ip.ttl & 0x0f == 3", "ip.ttl & 0x03 == 3", Relation::kWithin},
    };
    // clang-format on
    for (const Row& row : rows) {
        CAPTURE(row.a, row.b);
        CHECK(name_of(relation(row.a, row.b)) == name_of(row.relation));
    }
}

TEST_CASE("policies of one universe speak of the same packets") {
    const auto policy_of = [](const std::string& text) {
        Sources sources;
        Diagnostics diagnostics;
        const auto compiled = analyse(sources, "test.rules", text, {}, diagnostics);
        REQUIRE(compiled);
        return compiled->policy;
    };
    const policy::TypedPolicy first = policy_of(
        "set other : ip size 10\nset s : ip size 10\nrule a { when ip.src in s and rate(ip.src) > 5/s then drop }\n"
        "rule b { when payload contains \"x\" and ip.src not in other then drop }");
    const policy::TypedPolicy second = policy_of(
        "set s : ip size 10\nrule b { when payload contains \"x\" then drop }\n"
        "rule a { when ip.src in s and rate(ip.src) > 5/s then drop }\n"
        "rule c { when ip.src in s and rate(ip.src) > 5/s then drop }");
    analysis::Universe universe({&first, &second});
    analysis::PacketSets before(universe, first), after(universe, second);
    Bdd& bdd = universe.bdd();
    CHECK(before.matches(first.rules[0]) == after.matches(second.rules[1]));
    CHECK(before.matches_with_state(first.rules[0]) == after.matches_with_state(second.rules[1]));
    CHECK(before.matches_with_state(first.rules[0]) != after.matches_with_state(second.rules[2]));
    CHECK(bdd.without(before.matches(first.rules[1]), after.matches(second.rules[0])) == Bdd::kFalse);
    const std::string* text = universe.opaque_text(universe.opaque_variable("in set s: (ip) ip.src"));
    REQUIRE(text);
    CHECK(*text == "in set s: (ip) ip.src");
}
