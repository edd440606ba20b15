// Chains and jumps -> rules one after another, as a policy has them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "grammar/diagnostic.h"
#include "tooling/import/ruleset.h"
#include "tooling/import/words.h"

namespace weir::tooling::imports {

// docs/import.md, "Bounds".
inline constexpr std::size_t kMaxFlatRules = 65'536;           // rules and lets of the policy
inline constexpr std::size_t kMaxFlatComparisons = 2'000'000;  // of all of them, lets expanded
inline constexpr std::size_t kMaxChainDepth = 64;              // jumps within jumps
inline constexpr std::uint32_t kMaxRuleComparisons = 1'900;    // of one rule: the language takes 2,048
inline constexpr std::size_t kMaxTermRules = 256;              // language.md: rules with a state term

// A rule, a let or a remark, in the order of the policy.
struct FlatEntry {
    enum class Kind : std::uint8_t { kRule, kLet, kUnsaid };
    Kind kind = Kind::kRule;
    std::string name{};                  // of rule and let
    std::string when{};                  // condition; empty: always
    std::string actions{};               // "alert x, drop"
    std::string comment{};               // of the rule's author
    const Origin* origin = nullptr;      // of the ruleset
    std::vector<std::string> reasons{};  // kUnsaid: why it cannot be said; kRule: what of it is not said
    bool is_egress = false;
    std::size_t source = kNoSource;
};

struct FlatRules {
    std::vector<FlatEntry> entries{};
    std::size_t unreached = 0;  // rules of chains that no hook leads to
};

// `ruleset` stays as long as what is returned. Where a bound is reached, a diagnostic says so and what to do.
FlatRules flatten(const Ruleset& ruleset, const ImportOptions& options, Names& rule_names, Names& value_names,
                  Diagnostics& diagnostics);

}  // namespace weir::tooling::imports
