// What the rules of one table of nft share, and the parts of a rule that read it.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tooling/import/nft_fields.h"
#include "tooling/import/ruleset.h"
#include "tooling/import/words.h"

namespace weir::tooling::imports {

struct NftSet {
    std::string name{};    // of the policy
    std::string unsaid{};  // why it cannot be said
    Json elements{};
    bool is_inline = false;   // its elements stand where it is used
    bool is_changed = false;  // by rules
    std::vector<std::string> types{};
};

struct NftScope {
    Ruleset& ruleset;
    Names& value_names;
    Names& alert_names;
    const ImportOptions& options;
    std::map<std::string, std::string> alerts_by_prefix{};
    std::map<std::string, NftSet> sets{};  // "inet filter/NAME"
    std::map<std::string, Json> maps{};    // verdict maps: their elements
    std::set<std::string> changed{};       // sets that rules add to or remove from
    std::set<std::string> metered{};       // sets that hold limits
    std::string table{};                   // "inet filter", of the rule that is read
};

// nft_sets.cpp: `object` is the inside of {"set": …}; adds an item to the ruleset where it can be said.
void read_nft_set(const Json& object, NftScope& scope);
// The names of sets that the statements of `rule` change.
void note_changes(const Json& rule, NftScope& scope);

// nft_match.cpp
void add_nft_match(const Json& match, NftScope& scope, Condition& when);
// `left` is one of `elements`, or none of them.
void add_nft_members(const Json& left, const Json& elements, Sense sense, NftScope& scope, Condition& when);

// nft_rule.cpp: the rules that one rule of nft becomes. `rule` is the inside of {"rule": …}.
std::vector<ImportedRule> read_nft_rule(const Json& rule, NftScope& scope);
// "ip.src", "(ip.src, tcp.dport)", "ip.src/24" of what a set or a limit is kept by; `version` of its addresses.
std::optional<std::string> nft_key(const Json& key, std::string& why, std::vector<std::string>* fields = nullptr);

}  // namespace weir::tooling::imports
