// What `weir check` says of rules (W401, W402, W403), against enumeration: small policies by chance over the domains of
// domains.h, whose packets are enough to refute each wrong claim and to find each missing one.
//   test_brute_force [--seed N] [--policies N] [--domain NAME] [--show N]
// --show: how many faults of each kind are printed, each with the smallest policy that has it. Status 0: none, 1: one.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

#include <fmt/format.h>

#include "tests/analysis/small_policy.h"
#include "tooling/files/policy_file.h"

using namespace weir;
using namespace weir::tests;

namespace {

struct Options {
    std::uint64_t seed = 1;
    std::uint64_t policies = 1000;
    std::uint64_t show = 1;
    std::string domain{};
};

struct Said {
    std::set<std::string> claims{};  // "W401 r2"
    std::map<std::size_t, std::vector<std::size_t>> blockers{};
    std::string refused{};
    bool whole = true;  // all rules were judged
};

std::size_t number_of(const std::string& rule) { return std::strtoull(rule.c_str() + 1, nullptr, 10); }

Said said_of(const std::string& text) {
    Said said;
    const tooling::LoadedPolicy loaded = tooling::analyse_text("small.rules", text, {}, {}, tooling::Depth::kLint);
    said.whole = loaded.linted;
    for (const Diagnostic& d : loaded.diagnostics.all()) {
        if (!loaded.compiled) said.refused += d.message + "\n";
        const char* code = d.code == Code::W401   ? "W401"
                           : d.code == Code::W402 ? "W402"
                           : d.code == Code::W403 ? "W403"
                                                  : nullptr;
        if (code == nullptr || d.rule.empty()) continue;
        said.claims.insert(fmt::format("{} {}", code, d.rule));
        if (d.code != Code::W401) continue;
        for (const std::string& one : d.blockers) said.blockers[number_of(d.rule)].push_back(number_of(one));
    }
    return said;
}

std::string witness(const Truth& truth, const Domain& domain, std::size_t rule) {
    const std::size_t at = truth.matches[rule].first();
    return at < domain.sent.size() ? "it matches " + to_hex(domain.sent[at].frame) : "it matches no packet";
}

// The faults of what is said, by kind: "W401 missed" -> of which rule and why.
std::map<std::string, std::string> faults_of(const SmallPolicy& policy, const Domain& domain,
                                             std::map<std::string, std::uint64_t>* true_claims = nullptr) {
    const Said said = said_of(policy.text(domain));
    std::map<std::string, std::string> faults;
    if (!said.refused.empty()) faults["refused"] = said.refused;
    if (!said.whole) faults["not judged"] = "rules were not judged";
    if (!faults.empty()) return faults;
    const Truth truth = truth_of(policy, domain);
    std::vector<bool> gone;
    for (std::size_t i = 0; i < policy.rules.size(); ++i)
        gone.push_back(said.claims.contains(fmt::format("W402 r{}", i)));
    for (std::size_t i = 0; i < policy.rules.size(); ++i) {
        const auto check = [&](const char* code, bool may_be_said, bool must_be_said) {
            const bool claimed = said.claims.contains(fmt::format("{} r{}", code, i));
            if (must_be_said && true_claims != nullptr) ++(*true_claims)[code];
            if (claimed && !may_be_said)
                faults[fmt::format("{} false alarm", code)] = fmt::format("r{}, {}", i, witness(truth, domain, i));
            if (!claimed && must_be_said) faults[fmt::format("{} missed", code)] = fmt::format("r{}", i);
            return claimed;
        };
        check("W403", truth.never[i], truth.never[i]);
        const bool is_blamed = check("W401", truth.decided[i], truth.shadowed[i]);
        check("W402", !gone[i] || may_go(policy, truth, gone, i), truth.redundant[i] && !truth.either[i]);
        if (!is_blamed || !truth.shadowed[i]) continue;
        const auto named = said.blockers.find(i);
        const std::string wrong =
            wrong_blockers(policy, truth, i, named != said.blockers.end() ? named->second : std::vector<std::size_t>{});
        if (!wrong.empty()) faults["W401 blockers"] = fmt::format("of r{}: {}", i, wrong);
    }
    return faults;
}

void print_fault(const SmallPolicy& policy, const Domain& domain, std::uint64_t seed, const std::string& kind) {
    SmallPolicy least = policy;
    const auto still = [&](const SmallPolicy& less) {
        return !less.rules.empty() && faults_of(less, domain).contains(kind);
    };
    while (shrink_small(least, still)) continue;
    fmt::print("{}, domain {}, seed {}: {}\n{}\n", kind, domain.name, seed, faults_of(least, domain)[kind],
               least.text(domain));
    std::fflush(stdout);
}

Options read(int argc, char** argv) {
    Options options;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string word = argv[i];
        const auto number = [&] { return std::strtoull(argv[i + 1], nullptr, 0); };
        if (word == "--seed") options.seed = number();
        if (word == "--policies") options.policies = number();
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
    if (chosen.empty()) {
        fmt::print("there is no such domain\n");
        return 2;
    }
    std::map<std::string, std::uint64_t> sums, true_claims;
    std::uint64_t policies = 0;
    for (std::size_t at = 0; at < chosen.size(); ++at) {
        Domain domain = chosen[at]->make();
        const std::size_t frames = domain.sent.size();
        read_packets(domain);
        const std::uint64_t share =
            (options.policies * (at + 1)) / chosen.size() - (options.policies * at) / chosen.size();
        std::map<std::string, std::uint64_t> here;
        for (std::uint64_t i = 0; i < share; ++i, ++policies) {
            const std::uint64_t seed = options.seed + i;
            Random random(seed);
            const SmallPolicy policy = small_policy(random, domain);
            for (const auto& [kind, why] : faults_of(policy, domain, &true_claims))
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
    return sums.empty() ? 0 : 1;
}
