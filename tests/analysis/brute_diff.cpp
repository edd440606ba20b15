// What the comparison of two policies says (compiler/analysis/policy_diff.h), against enumeration: pairs of small
// policies over the domains of domains.h. Each pair of outcomes that a packet of the domain shows has its class, and
// each class has a packet.
//   test_brute_diff [--seed N] [--pairs N] [--domain NAME] [--allowed N]
// --allowed: how many of the pairs may have a class more, of packets that no wire carries.
// Status 0: they are the same, 1: they are not.
#include <algorithm>
#include <cstdlib>
#include <set>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "compiler/analysis/policy_diff.h"
#include "tests/analysis/small_policy.h"
#include "tooling/files/policy_file.h"

using namespace weir;
using namespace weir::tests;

namespace {

constexpr std::string_view kMore = "a class without a packet: ";

// A policy like it: a rule's verdict, condition or place is another one, it is gone, or all is as it was.
SmallPolicy changed(SmallPolicy policy, Random& random, const Domain& domain) {
    const std::size_t at = random.below(policy.rules.size());
    SmallRule& rule = policy.rules[at];
    switch (random.below(5)) {
        case 0: rule.verdict = rule.verdict == "drop" ? "pass" : "drop"; break;
        case 1: rule.condition = small_policy(random, domain).rules.front().condition; break;
        case 2: std::swap(rule.condition, policy.rules.back().condition); break;
        case 3: rule.observe = !rule.observe; break;
        default: break;
    }
    return policy;
}

SmallPolicy without_state(SmallPolicy policy) {
    for (SmallRule& rule : policy.rules) {
        rule.key.reset();
        rule.alerts = false;
        if (rule.verdict.empty()) rule.verdict = "drop";
    }
    return policy;
}

std::string outcome(const SmallPolicy& policy, const std::vector<Packets>& matches, std::size_t packet) {
    for (std::size_t i = 0; i < matches.size(); ++i)
        if (policy.rules[i].decides() && matches[i].has(packet))
            return fmt::format("{} by r{}", policy.rules[i].verdict, i);
    return "default";
}

std::string outcome(const analysis::Outcome& outcome) {
    if (outcome.by != analysis::Outcome::By::kRule) return "default";
    const char* verdict = outcome.verdict == policy::VerdictKind::kPass   ? "pass"
                          : outcome.verdict == policy::VerdictKind::kDrop ? "drop"
                                                                          : "reject";
    return fmt::format("{} by {}", verdict, outcome.rule);
}

std::string change(packet::Direction direction, const std::string& before, const std::string& after) {
    return fmt::format("{}: {} -> {}", packet::direction_name(direction), before, after);
}

// What is wrong with the comparison of two policies; empty where nothing is.
std::string fault_of(const SmallPolicy& before, const SmallPolicy& after, const Domain& domain,
                     std::uint64_t& classes) {
    const auto a = tooling::analyse_text("before.rules", before.text(domain), {}, {}, tooling::Depth::kMeaning);
    const auto b = tooling::analyse_text("after.rules", after.text(domain), {}, {}, tooling::Depth::kMeaning);
    if (!a.compiled || !b.compiled) return "it is refused";
    analysis::PolicyDiff diff(a.compiled->policy, b.compiled->policy);
    if (!diff.unjudged().empty()) return "rules were not judged";
    std::set<std::string> said, shown;
    for (const analysis::DiffClass& one : diff.classes())
        said.insert(change(one.direction, outcome(one.before), outcome(one.after)));
    const std::vector<Packets> from = matches_of(before, domain), to = matches_of(after, domain);
    for (std::size_t packet = 0; packet < domain.sent.size(); ++packet) {
        const std::string was = outcome(before, from, packet), is = outcome(after, to, packet);
        if (was != is) shown.insert(change(domain.sent[packet].direction, was, is));
    }
    classes += shown.size();
    if (said == shown) return {};
    const bool has_all = std::includes(said.begin(), said.end(), shown.begin(), shown.end());
    return fmt::format("{}said: {}\nshown by packets: {}", has_all ? kMore : "", fmt::join(said, ", "),
                       fmt::join(shown, ", "));
}

}  // namespace

int main(int argc, char** argv) {
    std::uint64_t seed = 1, pairs = 1000, done = 0, classes = 0, faults = 0, more = 0, allowed = 0;
    std::string only;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string word = argv[i];
        if (word == "--seed") seed = std::strtoull(argv[i + 1], nullptr, 0);
        if (word == "--pairs") pairs = std::strtoull(argv[i + 1], nullptr, 0);
        if (word == "--allowed") allowed = std::strtoull(argv[i + 1], nullptr, 0);
        if (word == "--domain") only = argv[i + 1];
    }
    for (const NamedDomain& named : all_domains()) {
        if (!only.empty() && only != named.name) continue;
        Domain domain = named.make();
        read_packets(domain);
        std::uint64_t here = 0;
        for (std::uint64_t i = 0; i < (only.empty() ? pairs / all_domains().size() : pairs); ++i, ++done) {
            Random random(seed + i);
            const SmallPolicy before = without_state(small_policy(random, domain));
            const SmallPolicy after = changed(before, random, domain);
            const std::string fault = fault_of(before, after, domain, classes);
            if (fault.empty()) continue;
            const bool is_more = fault.starts_with(kMore);
            if ((is_more ? ++more : ++here) > 1) continue;
            fmt::print("{}, seed {}: {}\n{}---\n{}\n", named.name, seed + i, fault, before.text(domain),
                       after.text(domain));
        }
        faults += here;
    }
    fmt::print("{} pairs from seed {}, {} classes; {} pairs lack one, {} have one more\n", done, seed, classes, faults,
               more);
    return done == 0 ? 2 : faults == 0 && more <= allowed ? 0 : 1;
}
