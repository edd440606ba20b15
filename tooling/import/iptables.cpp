// Tested by tests/unit/tooling/import_test.cpp with `import_iptables`.
#include <algorithm>

#include <fmt/format.h>

#include "tooling/import/flatten.h"
#include "tooling/import/import.h"
#include "tooling/import/iptables_match.h"
#include "tooling/import/iptables_save.h"
#include "tooling/import/states.h"

namespace weir::tooling::imports {
namespace {

// Options of matches that are not known: all words to the next one that begins something else.
void skip_options(WordReader& words) {
    while (!words.is_done()) {
        const std::string& word = words.peek();
        if (word == "-m" || word == "-j" || word == "-g" || word == "--match" || word == "--jump" || word == "--goto")
            return;
        words.next();
    }
}

bool is_plain_module(const std::string& name) {
    static constexpr std::string_view kModules[] = {
        "tcp",       "udp",     "sctp",    "icmp",      "icmp6", "ipv6-icmp", "multiport", "state",
        "conntrack", "set",     "limit",   "hashlimit", "mac",   "length",    "ttl",       "hl",
        "comment",   "iprange", "pkttype", "addrtype",  "dscp",  "tcpmss"};
    return std::find(std::begin(kModules), std::end(kModules), name) != std::end(kModules);
}

// iptables tries matches in their order, and the header (-s, -d, -p, -i, -o) before all.
void note_late_condition(RuleState& state, const std::string& option, std::size_t before) {
    static constexpr std::string_view kHeader[] = {"-s", "-d", "-p", "-i", "-o", "-f"};
    const bool is_header = std::find(std::begin(kHeader), std::end(kHeader), option) != std::end(kHeader);
    if (!state.has_limit || is_header || state.rule.when.operands.size() == before) return;
    state.rule.when.narrowed.emplace_back("its limit counts only packets that its other conditions take");
}

void read_words(RuleState& state, WordReader words, const std::string& chain) {
    while (!words.is_done()) {
        std::string option = words.next();
        Sense sense = Sense::kIs;
        if (option == "!" && !words.is_done()) {
            sense = Sense::kIsNot;
            option = words.next();
        }
        if (option == "-m" || option == "--match") {
            const std::string module = words.next();
            // Alone it asks for the header.
            const bool has_option = !words.is_done() && (words.peek() == "--rt-type" || words.peek() == "!");
            if (is_plain_module(module) || (module == "rt" && has_option)) continue;
            state.rule.when.unsaid.push_back(fmt::format("match `{}` cannot be said", one_line(module, 40)));
            skip_options(words);
        } else if (option == "-j" || option == "-g" || option == "--jump" || option == "--goto") {
            read_target(state, option == "--goto" ? "-g" : option, words, chain);
        } else if (option == "-c") {  // counters
            words.next();
            words.next();
        } else if (const std::size_t before = state.rule.when.operands.size();
                   read_match(state, option, sense, words)) {
            note_late_condition(state, option, before);
        } else {
            state.rule.when.unsaid.push_back(fmt::format("`{}` cannot be said", one_line(option, 40)));
            skip_options(words);
        }
    }
}

void count_hashlimits(const SavedFile& saved, std::map<std::string, int>& hashlimits) {
    for (const SavedTable& table : saved.tables) {
        if (table.name != "filter") continue;
        for (const SavedRule& rule : table.rules)
            for (std::size_t i = 0; i + 1 < rule.words.size(); ++i)
                if (rule.words[i].text == "--hashlimit-name") ++hashlimits[rule.words[i + 1].text];
    }
}

std::string verdict_of(const std::string& policy) {
    return policy == "DROP" ? "drop" : policy == "ACCEPT" ? "pass" : "";
}

// The hooks of a filter table that the policy judges: docs/import.md, "Which chain judges".
void add_hooks(const SavedTable& table, const SavedFile& saved, const std::string& prefix, const ImportOptions& options,
               Ruleset& ruleset) {
    static constexpr std::pair<std::string_view, HookKind> kHooks[] = {
        {"INPUT", HookKind::kInput}, {"FORWARD", HookKind::kForward}, {"OUTPUT", HookKind::kOutput}};
    const std::string family = saved.version == 4 ? "ip4" : "ip6";
    for (const auto& [name, kind] : kHooks) {
        const std::string chain_name = prefix + std::string(name);
        const auto rules = ruleset.chains.find(chain_name);
        if (rules == ruleset.chains.end()) continue;
        Hook hook{kind, chain_name, fmt::format("{}{}", name, saved.version == 4 ? "" : "6"), family, {}, {}};
        for (const SavedChain& chain : table.chains)
            if (chain.name == name && chain.policy != "-") {
                hook.policy = verdict_of(chain.policy);
                hook.policy_origin = chain.origin;
            }
        const bool is_idle = rules->second.rules.empty() && (hook.policy == "pass" || hook.policy.empty());
        if (is_idle && options.addresses.empty()) continue;
        if (is_idle && kind == HookKind::kOutput) continue;
        if (kind != HookKind::kOutput && options.addresses.empty() && kind != options.judged) {
            ruleset.remarks.push_back(fmt::format(
                "Chain {} is not judged: all packets that come in meet {} (--chain, --address: docs/import.md).", name,
                options.judged == HookKind::kInput ? "INPUT" : "FORWARD"));
            ruleset.unjudged.insert(chain_name);
            continue;
        }
        ruleset.hooks.push_back(std::move(hook));
    }
}

void read_filter(const SavedTable& table, const SavedFile& saved, IptablesScope& scope) {
    for (const SavedChain& chain : table.chains) scope.ruleset.chains[scope.prefix + chain.name];
    for (const SavedRule& rule : table.rules) scope.ruleset.chains[scope.prefix + rule.chain];
    for (const SavedRule& rule : table.rules) {
        ImportedRule read = read_rule(rule, scope);
        read.source = scope.ruleset.sources++;
        scope.ruleset.chains[scope.prefix + rule.chain].rules.push_back(std::move(read));
    }
    add_hooks(table, saved, scope.prefix, scope.options, scope.ruleset);
}

void say_other_table(const SavedTable& table, Ruleset& ruleset) {
    if (table.rules.empty()) return;
    ruleset.omitted[fmt::format("table {}: it changes packets or how they are tracked", one_line(table.name, 40))] +=
        table.rules.size();
    ruleset.sources += table.rules.size();
    ruleset.remarks.push_back(
        fmt::format("Not said: {} rules of table {}.", table.rules.size(), one_line(table.name, 40)));
}

}  // namespace

ImportedRule read_rule(const SavedRule& saved, IptablesScope& scope) {
    ImportedRule rule;
    rule.origin = saved.origin;
    RuleState state{scope, rule, {}, false, false, {}};
    read_words(state, {saved.words, 0}, saved.chain);
    if (!state.protocol.empty()) {
        const bool of_family = state.protocol == "icmp" || state.protocol == "icmp6";
        if (!state.names_protocol)
            rule.when.operands.insert(rule.when.operands.begin(), {state.protocol, state.protocol, 1, {}});
        if (of_family) rule.when.implies[scope.version == 4 ? 0 : 1] = true;
    }
    add_limit(state);
    return rule;
}

Result<std::optional<ImportedPolicy>> import_iptables(const Sources& sources, const std::string& name,
                                                      const ImportOptions& options, Diagnostics& diagnostics) {
    Ruleset ruleset;
    Names rule_names, value_names, alert_names;
    reserve_states(value_names);
    for (const char* own : {"host_addresses", "host_receives"}) value_names.make(own);
    rule_names.make("later_fragments");
    IpSets sets(value_names);
    std::vector<SavedFile> saved;
    std::map<std::string, int> hashlimits;
    for (std::uint32_t file = 0; file < sources.size(); ++file) {
        if (is_ipset(sources.text(file))) {
            sets.parse(sources, file, diagnostics);
            continue;
        }
        saved.push_back(parse_iptables(sources, file, diagnostics));
        count_hashlimits(saved.back(), hashlimits);
    }
    if (diagnostics.has_errors()) return std::optional<ImportedPolicy>();
    std::map<std::string, std::string> alerts_by_prefix;
    for (std::size_t i = 0; i < saved.size(); ++i) {
        IptablesScope scope{saved[i].version, fmt::format("{}/", i), ruleset,   sets, alert_names,
                            options,          alerts_by_prefix,      hashlimits};
        for (const SavedTable& table : saved[i].tables) {
            if (table.name == "filter")
                read_filter(table, saved[i], scope);
            else
                say_other_table(table, ruleset);
        }
    }
    FlatRules flat = flatten(ruleset, options, rule_names, value_names, diagnostics);
    if (diagnostics.has_errors()) return std::optional<ImportedPolicy>();
    ruleset.items = sets.items();
    std::string files;
    for (std::uint32_t file = 0; file < sources.size(); ++file)
        files += (files.empty() ? "" : ", ") + sources.name(file);
    return write_policy(ruleset, std::move(flat), options, name, "Imported from iptables: " + files, diagnostics);
}

}  // namespace weir::tooling::imports
