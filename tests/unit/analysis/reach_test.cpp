// Which packets come to which rule, and that what the linter says of rules is what trying all packets of a small domain
// says.
#include "compiler/analysis/reach.h"

#include <catch2/catch.hpp>

#include <set>
#include <string>

#include <fmt/format.h>

#include "compiler/analysis/lint.h"
#include "compiler/analysis/outline.h"
#include "compiler/analysis/point.h"
#include "compiler/compiler.h"
#include "compiler/packet/fields.h"
#include "grammar/base/seeded.h"

using namespace weir;
using analysis::Bdd;

namespace {

policy::TypedPolicy policy_of(const std::string& text) {
    Sources sources;
    Diagnostics diagnostics;
    const auto compiled = analyse(sources, "test.rules", text, {}, diagnostics);
    INFO(text);
    REQUIRE(compiled);
    return compiled->policy;
}

}  // namespace

TEST_CASE("the outline of a rule has all its packets") {
    const auto outline = [](const std::string& condition) {
        const policy::TypedPolicy policy = policy_of("rule r { when " + condition + " then drop }");
        return analysis::outline_of(policy, policy.rules[0]);
    };
    const auto place = [&](const std::string& condition, analysis::Place which) {
        const analysis::Interval one = outline(condition).places[static_cast<std::size_t>(which)];
        return std::pair(one.first, one.last);
    };
    using analysis::Place;
    constexpr std::uint64_t kAll = ~std::uint64_t{0};
    CHECK(place("tcp.dport in 10..20 and port.dst > 15", Place::kDestinationPort) ==
          std::pair<std::uint64_t, std::uint64_t>(16, 20));
    CHECK(place("tcp.dport == 10 or udp.dport == 20", Place::kDestinationPort) ==
          std::pair<std::uint64_t, std::uint64_t>(10, 20));
    CHECK(place("tcp.dport == 10 or udp", Place::kDestinationPort) == std::pair<std::uint64_t, std::uint64_t>(0, kAll));
    CHECK(place("tcp.dport != 10", Place::kDestinationPort) == std::pair<std::uint64_t, std::uint64_t>(0, kAll));
    CHECK(place("not tcp.dport == 10", Place::kDestinationPort) == std::pair<std::uint64_t, std::uint64_t>(0, kAll));
    CHECK(place("ip.src in 10.0.0.0/8", Place::kSource) ==
          std::pair<std::uint64_t, std::uint64_t>(0x0a00000000000000, 0x0affffffffffffff));
    CHECK(place("ip.dst in { 10.0.0.1, 2001:db8::/32 }", Place::kDestination) ==
          std::pair<std::uint64_t, std::uint64_t>(0x0a00000100000000, 0x20010db8ffffffff));
    CHECK(place("ip.dst in { ff00::/8, 1::1, 10.0.0.1 }", Place::kDestination) ==
          std::pair<std::uint64_t, std::uint64_t>(0x0001000000000000, 0xffffffffffffffff));
    CHECK(outline("tcp").meets(outline("ip.src in 10.0.0.0/8")));
    CHECK_FALSE(outline("tcp").meets(outline("udp")));
    CHECK_FALSE(outline("icmp6").meets(outline("ip4")));
    CHECK(outline("not tcp").meets(outline("tcp")));
}

TEST_CASE("a packet that comes to a rule is found, or who takes them all") {
    const policy::TypedPolicy policy = policy_of(
        "rule low { when tcp.dport < 1000 then pass }\nrule mid { when tcp.dport in 1000..1009 then drop }\n"
        "rule idle { when tcp.dport == 500 then pass }\nrule web { when tcp.dport <= 1010 then pass }\n"
        "rule none { when tcp and udp then drop }");
    analysis::Universe universe(policy);
    analysis::PacketSets sets(universe, policy);
    analysis::Reach reach(sets, policy);
    const std::size_t before = universe.bdd().mark();
    {
        const analysis::Reach::Scope scope(reach);
        const analysis::RuleMarks all(policy.rules.size(), true);
        const auto web = reach.find(reach.matches(3), 3, all);
        REQUIRE(web.exists);
        CHECK(universe.bdd().contains(reach.matches(3), reach.point()));
        CHECK_FALSE(universe.bdd().contains(reach.matches(0), reach.point()));
        CHECK(reach.first(reach.point(), 0, 5, all) == 3);
        const auto idle = reach.find(reach.matches(2), 2, all);
        CHECK_FALSE(idle.exists);
        CHECK(idle.is_possible);
        CHECK(idle.takers == std::vector<analysis::RuleNumber>{0});
        const auto none = reach.find(reach.matches(4), 4, all);
        CHECK_FALSE(none.exists);
        CHECK_FALSE(none.is_possible);
        CHECK(reach.near(reach.outline(2), 0, 5) == std::vector<analysis::RuleNumber>{0, 2, 3});
    }
    CHECK(universe.bdd().mark() == before);
}

// What the field table says of packets is a great deal where a policy reads all fields.
TEST_CASE("rules of a policy that reads every number and flag are all judged") {
    std::string text;
    for (const packet::Layer layer : {packet::Layer::kOuter, packet::Layer::kInner})
        for (const packet::Field& f : packet::fields()) {
            if (layer == packet::Layer::kInner && f.layers != packet::Layers::kBoth) continue;
            const packet::FieldId id = packet::field_id(layer, packet::row_of(f.id));
            const bool is_number = f.type == packet::Type::kUint || f.type == packet::Type::kPort;
            if (!packet::is_supported(id) || (!is_number && f.type != packet::Type::kBool)) continue;
            const std::string name = packet::field_name(id);
            text += fmt::format("rule r{} {{ when {}{} and ip.ttl > 3 then drop }}\n", text.size(), name,
                                is_number ? " == 1" : "");
        }
    const policy::TypedPolicy policy = policy_of(text);
    CHECK(policy.rules.size() > 100);
    Diagnostics said;
    CHECK(analysis::lint(policy, said).left_out.empty());
}

// The set of each of the first rules is too large: a bit of one number and a bit of another, many times.
TEST_CASE("rules behind many that are too much are judged") {
    constexpr int kHard = 70, kEasy = 30;
    std::string text;
    for (int rule = 0; rule < kHard; ++rule) {
        text += fmt::format("rule hard{} {{ when tcp.dport == {} and (tcp.seq == tcp.seq", rule, rule);
        for (std::uint32_t bit = 0; bit < 26; ++bit)
            text += fmt::format(" and not (tcp.seq & {0} != 0 and tcp.ack_seq & {0} != 0)", 1u << bit);
        text += ") then drop }\n";
    }
    for (int rule = 0; rule < kEasy; ++rule)
        text += fmt::format("rule easy{0} {{ when udp.dport == {0} then drop }}\n", rule);
    text += "rule last { when udp.dport == 7 then pass }\n";
    const policy::TypedPolicy policy = policy_of(text);
    Diagnostics said;
    const auto left_out = analysis::lint(policy, said).left_out;
    CHECK(left_out.size() == kHard);
    for (const std::string& rule : left_out) CHECK(rule.starts_with("hard"));
    CHECK(std::any_of(said.all().begin(), said.all().end(),
                      [](const Diagnostic& d) { return d.code == Code::W401 && d.rule == "last"; }));
}

namespace {

// Every packet of TCP with ports below eight, as bits: source, destination.
constexpr int kPorts = 8, kPackets = kPorts * kPorts;
struct SmallRule {
    std::string text;
    std::set<int> packets;
    bool drops = false;
};
SmallRule small_rule(Seeded& random) {
    SmallRule rule;
    const auto port = [&] { return static_cast<int>(random() % kPorts); };
    const int kind = static_cast<int>(random() % 4), a = port(), b = port(), c = port();
    const int low = std::min(a, b), high = std::max(a, b);
    const auto holds = [&](int source, int destination) {
        if (kind == 0) return destination >= low && destination <= high;
        if (kind == 1) return destination >= low && destination <= high && source >= c;
        if (kind == 2) return source < destination && destination <= high;
        return source == c || destination == a;
    };
    const std::string in = fmt::format("tcp.dport in {}..{}", low, high);
    rule.text = kind == 0   ? in
                : kind == 1 ? fmt::format("{} and tcp.sport >= {}", in, c)
                : kind == 2 ? fmt::format("tcp.sport < tcp.dport and tcp.dport <= {}", high)
                            : fmt::format("(tcp.sport == {} or tcp.dport == {})", c, a);
    for (int packet = 0; packet < kPackets; ++packet)
        if (holds(packet / kPorts, packet % kPorts)) rule.packets.insert(packet);
    rule.drops = random() % 2 == 0;
    return rule;
}

}  // namespace

TEST_CASE("W401, its blockers and W403 are what trying every packet says") {
    std::size_t shadowed = 0, never = 0;
    for (unsigned seed = 0; seed < 400; ++seed) {
        Seeded random(seed);
        // All else is decided first, so that the small domain is the whole.
        std::string text = "rule rest { when not tcp or tcp.sport > 7 or tcp.dport > 7 then pass }\n";
        std::vector<SmallRule> rules;
        for (int i = 0; i < 6; ++i) {
            rules.push_back(small_rule(random));
            text += fmt::format("rule r{} {{ when {} then {} }}\n", i, rules.back().text,
                                rules.back().drops ? "drop" : "pass");
        }
        INFO("seed " << seed << "\n" << text);
        const policy::TypedPolicy policy = policy_of(text);
        Diagnostics said;
        REQUIRE(analysis::lint(policy, said));
        std::set<int> left;
        for (int packet = 0; packet < kPackets; ++packet) left.insert(packet);
        std::vector<std::set<int>> decides(rules.size());
        for (std::size_t i = 0; i < rules.size(); ++i) {
            for (const int packet : rules[i].packets)
                if (left.contains(packet)) decides[i].insert(packet);
            for (const int packet : decides[i]) left.erase(packet);
            const auto found = std::find_if(said.all().begin(), said.all().end(), [&](const Diagnostic& d) {
                return d.rule == fmt::format("r{}", i) && (d.code == Code::W401 || d.code == Code::W403);
            });
            INFO("rule " << i);
            REQUIRE((found != said.all().end()) == decides[i].empty());
            if (found == said.all().end()) continue;
            REQUIRE((found->code == Code::W403) == rules[i].packets.empty());
            if (found->code == Code::W403) {
                ++never;
                continue;
            }
            ++shadowed;
            std::set<int> taken;
            for (const std::string& name : found->blockers) {
                if (name == "rest") continue;
                const auto by = static_cast<std::size_t>(std::stoi(name.substr(1)));
                bool takes = false;
                for (const int packet : rules[i].packets)
                    if (rules[by].packets.contains(packet))
                        taken.insert(packet), takes = takes || decides[by].contains(packet);
                CHECK(takes);
            }
            CHECK(taken.size() == rules[i].packets.size());
        }
    }
    CHECK(shadowed >= 100);
    CHECK(never >= 5);
}
