// What `weir check` says of rules (W401, W402, W403), of parts of their conditions (W414) and of entries of lists
// (W413), against enumeration: small policies by chance over the domains of domains.h, whose packets are enough to
// refute each wrong claim and to find each missing one, and as many lists.
//   test_brute_force [--seed N] [--policies N] [--domain NAME] [--show N] [--allowed N]
// --domain: of domains.h, or `lists`.
// --show: how many faults of each kind are printed, each with the smallest policy that has it. Status 0: none, 1: one.
#include <algorithm>
#include <cstdlib>
#include <map>

#include <fmt/format.h>

#include "tests/analysis/claims.h"
#include "tests/analysis/parts.h"

using namespace weir;
using namespace weir::tests;

namespace {

struct Options {
    std::uint64_t seed = 1;
    std::uint64_t policies = 1000;
    std::uint64_t show = 1, allowed = 0;
    std::string domain{};
};

Faults faults_in(const SmallPolicy& policy, const Domain& domain, TrueClaims& true_claims) {
    const Said said = said_of(policy.text(domain));
    if (!said.refused.empty()) return {{"refused", said.refused}};
    if (!said.is_whole) return {{"not judged", "rules were not judged"}};
    const auto witness = [&](const Packets& packets) {
        const std::size_t at = packets.first();
        return at < domain.sent.size() ? "it matches " + to_hex(domain.sent[at].frame) : "it matches no packet";
    };
    Faults faults = faults_of(policy, said, truth_of(policy, matches_of(policy, domain), Packets(domain.sent.size())),
                              witness, true_claims);
    faults.merge(part_faults(policy, said, domain, true_claims));
    return faults;
}

void print_fault(const SmallPolicy& policy, const Domain& domain, std::uint64_t seed, const std::string& kind) {
    SmallPolicy least = policy;
    TrueClaims unused;
    const auto still = [&](const SmallPolicy& less) {
        return !less.rules.empty() && faults_in(less, domain, unused).contains(kind);
    };
    while (shrink_small(least, still)) continue;
    fmt::print("{}, domain {}, seed {}: {}\n{}\n", kind, domain.name, seed, faults_in(least, domain, unused)[kind],
               least.text(domain));
    std::fflush(stdout);
}

using Sums = std::map<std::string, std::uint64_t>;

// How many faults of each kind.
Sums faults_of_lists(const Options& options, TrueClaims& true_claims) {
    Sums sums;
    for (std::uint64_t i = 0; i < options.policies; ++i) {
        Random random(options.seed + i);
        std::string text;
        for (const auto& [kind, why] : list_faults(random, text, true_claims))
            if (sums[kind]++ < options.show) fmt::print("{}, seed {}: {}\n{}\n", kind, options.seed + i, why, text);
    }
    fmt::print("{} lists", options.policies);
    for (const auto& [kind, count] : sums) fmt::print(", {} {}", count, kind);
    fmt::print("\n");
    return sums;
}

Options read(int argc, char** argv) {
    Options options;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string word = argv[i];
        const auto number = [&] { return std::strtoull(argv[i + 1], nullptr, 0); };
        if (word == "--seed") options.seed = number();
        if (word == "--policies") options.policies = number();
        if (word == "--allowed") options.allowed = number();
        if (word == "--show") options.show = number();
        if (word == "--domain") options.domain = argv[i + 1];
    }
    return options;
}

}  // namespace

int main(int argc, char** argv) {
    const Options options = read(argc, argv);
    std::vector<const NamedDomain*> chosen;
    for (const NamedDomain& named : all_domains())
        if (options.domain.empty() || options.domain == named.name) chosen.push_back(&named);
    const bool has_lists = options.domain.empty() || options.domain == "lists";
    if (chosen.empty() && !has_lists) {
        fmt::print("there is no such domain\n");
        return 2;
    }
    Sums sums;
    TrueClaims true_claims;
    if (has_lists) sums = faults_of_lists(options, true_claims);
    std::uint64_t policies = 0;
    for (std::size_t at = 0; at < chosen.size(); ++at) {
        Domain domain = chosen[at]->make();
        const std::size_t frames = domain.sent.size();
        read_packets(domain);
        const std::uint64_t share =
            (options.policies * (at + 1)) / chosen.size() - (options.policies * at) / chosen.size();
        Sums here;
        for (std::uint64_t i = 0; i < share; ++i, ++policies) {
            const std::uint64_t seed = options.seed + i;
            Random random(seed);
            const SmallPolicy policy = small_policy(random, domain);
            for (const auto& [kind, why] : faults_in(policy, domain, true_claims))
                if (here[kind]++ < options.show) print_fault(policy, domain, seed, kind);
        }
        fmt::print("{}: {} frames, {} of them different, {} comparisons, {} policies", domain.name, frames,
                   domain.sent.size(), domain.atoms.size(), share);
        for (const auto& [kind, count] : here) fmt::print(", {} {}", count, kind), sums[kind] += count;
        fmt::print("\n");
        std::fflush(stdout);
    }
    fmt::print("{} policies from seed {}:", policies, options.seed);
    for (const auto& [code, count] : true_claims) fmt::print(" {} {}", count, code);
    fmt::print(" are true; policies with faults:");
    for (const auto& [kind, count] : sums) fmt::print(" {} {}", count, kind);
    fmt::print("{}\n", sums.empty() ? " none" : "");
    return is_right(sums, options.allowed) ? 0 : 1;
}
