// Conditions as sets of packets: which are empty, which lie within another, which say nothing of one another.
#include "compiler/analysis/packet_sets.h"

#include <catch2/catch.hpp>

#include <string>

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
    analysis::PacketSets sets(compiled->policy);
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
    };
    // clang-format on
    for (const Row& row : rows) {
        CAPTURE(row.a, row.b);
        CHECK(name_of(relation(row.a, row.b)) == name_of(row.relation));
    }
}
