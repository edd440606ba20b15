// One rule of iptables: its matches as a condition, its target as what happens.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tooling/import/ipset.h"
#include "tooling/import/iptables_save.h"
#include "tooling/import/ruleset.h"
#include "tooling/import/words.h"

namespace weir::tooling::imports {

// What the rules of a file share.
struct IptablesScope {
    int version = 4;
    std::string prefix{};  // of chains' names: two files may have chains of one name
    Ruleset& ruleset;
    IpSets& sets;
    Names& alert_names;
    const ImportOptions& options;
    std::map<std::string, std::string>& alerts_by_prefix;
    std::map<std::string, int>& hashlimits;  // how many rules have a table of that name
};

// The words of a rule, read from the left.
struct WordReader {
    const std::vector<Word>& words;
    std::size_t at = 0;

    bool is_done() const { return at >= words.size(); }
    const std::string& peek() const { return words[at].text; }
    // The next word, or an empty one.
    std::string next() { return is_done() ? std::string() : words[at++].text; }
};

struct RuleState {
    IptablesScope& scope;
    ImportedRule& rule;
    std::string protocol{};       // tcp, udp, … once -p was read
    bool names_protocol = false;  // an operand holds only for it
    bool has_limit = false;
    std::map<std::string, std::string> options{};  // of limit, hashlimit and targets, by name
};

ImportedRule read_rule(const SavedRule& saved, IptablesScope& scope);

// iptables_match.cpp: true where the option was one of a match; `is_not`: `!` stands before it.
bool read_match(RuleState& state, const std::string& option, Sense sense, WordReader& words);
// iptables_target.cpp: what stands behind -j or -g.
void read_target(RuleState& state, const std::string& option, WordReader& words, const std::string& chain);
// iptables_limit.cpp: the state term of the limit options, if there are any.
void add_limit(RuleState& state);

}  // namespace weir::tooling::imports
