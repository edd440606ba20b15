// What `weir check` says of the rules of a small policy, held against what is true of them.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/analysis/truth.h"

namespace weir::tests {

// From one byte of the policy's text to behind another.
struct Place {
    std::size_t begin = 0, end = 0;
    bool has(const Place& other) const { return begin <= other.begin && other.end <= end; }
};

struct Said {
    std::set<std::string> claims{};  // "W401 r2"
    std::map<std::size_t, std::vector<std::size_t>> blockers{};
    std::map<std::size_t, std::vector<Place>> needless{};  // by rule: parts of its condition that change nothing, W414
    std::vector<Place> covered{};                          // entries of lists that others cover, W413
    std::vector<Place> always{};                           // an `or` that is true for each value, W410
    std::string refused{};                                 // why
    bool is_whole = true;                                  // all rules were judged
    bool has(const char* code, std::size_t rule) const { return claims.contains(fmt::format("{} r{}", code, rule)); }
};
// Of a policy whose rules are r0, r1, …
Said said_of(const std::string& text);

using Faults = std::map<std::string, std::string>;        // by kind, "W401 missed": of which rule, and why
using TrueClaims = std::map<std::string, std::uint64_t>;  // by code: how many have to be said

// Is nothing wrong said? At most `allowed` of the policies may miss a claim, or name more blockers than are needed.
bool is_right(const std::map<std::string, std::uint64_t>& faults, std::uint64_t allowed);

// `witness`: the packets of a rule, for people.
template <typename Some, typename Witness>
Faults faults_of(const SmallPolicy& policy, const Said& said, const Truth<Some>& truth, const Witness& witness,
                 TrueClaims& true_claims) {
    Faults faults;
    std::vector<bool> gone;
    for (std::size_t i = 0; i < policy.rules.size(); ++i) gone.push_back(said.has("W402", i));
    for (std::size_t i = 0; i < policy.rules.size(); ++i) {
        const auto check = [&](const char* code, bool may_be_said, bool must_be_said) {
            if (must_be_said) ++true_claims[code];
            if (said.has(code, i) && !may_be_said)
                faults[fmt::format("{} false alarm", code)] = fmt::format("r{}, {}", i, witness(truth.matches[i]));
            // W453 says it, too: a field that packets on their way out lack.
            const bool is_said = said.has(code, i) || (code == std::string_view("W403") && said.has("W453", i));
            if (!is_said && must_be_said) faults[fmt::format("{} missed", code)] = fmt::format("r{}", i);
        };
        check("W403", truth.never[i], truth.never[i]);
        check("W401", truth.decided[i], truth.shadowed[i]);
        check("W402", !gone[i] || may_go(policy, truth, gone, i), truth.redundant[i] && !truth.either[i]);
        if (!said.has("W401", i) || !truth.shadowed[i]) continue;
        const auto named = said.blockers.find(i);
        const std::string wrong =
            wrong_blockers(policy, truth, i, named != said.blockers.end() ? named->second : std::vector<std::size_t>{});
        if (!wrong.empty()) faults["W401 blockers"] = fmt::format("of r{}: {}", i, wrong);
    }
    return faults;
}

}  // namespace weir::tests
