// Tested by tests/unit/tooling/import_test.cpp with `iptables targets`.
#include <fmt/format.h>

#include "tooling/import/alerts.h"
#include "tooling/import/iptables_match.h"

namespace weir::tooling::imports {
namespace {

void refuse(RuleState& state, std::string reason) { state.rule.when.unsaid.push_back(std::move(reason)); }

// The options behind the target, by name; those without a value are empty.
std::map<std::string, std::string> target_options(WordReader& words) {
    std::map<std::string, std::string> options;
    while (!words.is_done()) {
        const std::string option = words.next();
        std::string value;
        while (!words.is_done() && !words.peek().starts_with("--")) value += (value.empty() ? "" : " ") + words.next();
        options[option] = value;
    }
    return options;
}

void log(RuleState& state, const std::map<std::string, std::string>& options, const std::string& chain) {
    const auto get = [&](const std::string& name, const std::string& otherwise) {
        const auto found = options.find(name);
        return found == options.end() ? otherwise : found->second;
    };
    const std::string prefix = get("--log-prefix", get("--nflog-prefix", get("--ulog-prefix", "")));
    state.rule.effects.push_back(log_action(prefix, get("--log-level", "4"), chain, state.scope.ruleset,
                                            state.scope.alert_names, state.scope.alerts_by_prefix));
}

void change_set(RuleState& state, const std::map<std::string, std::string>& options) {
    const bool adds = options.contains("--add-set");
    if (!adds && !options.contains("--del-set")) return refuse(state, "this form of SET cannot be said");
    const std::string value = adds ? options.at("--add-set") : options.at("--del-set");
    const std::size_t space = value.find(' ');
    if (space == std::string::npos) return refuse(state, "SET needs a set and a direction");
    std::optional<std::uint64_t> seconds;
    if (const auto found = options.find("--timeout"); found != options.end()) seconds = parse_number(found->second);
    std::string why;
    const auto effect = state.scope.sets.change(value.substr(0, space), value.substr(space + 1), adds, seconds, why);
    if (!effect) return refuse(state, why);
    state.rule.effects.push_back(*effect);
}

struct Verdict {
    std::string_view target;
    std::string_view verdict;
};
constexpr Verdict kVerdicts[] = {{"ACCEPT", "pass"}, {"DROP", "drop"}, {"REJECT", "reject"}};

// Targets that change or hand on packets.
constexpr std::string_view kUnsaid[] = {"NFQUEUE",  "QUEUE",     "MARK",    "CONNMARK",    "CLASSIFY", "TCPMSS",
                                        "TTL",      "HL",        "DSCP",    "TOS",         "ECN",      "TEE",
                                        "TRACE",    "AUDIT",     "CT",      "NOTRACK",     "SYNPROXY", "SECMARK",
                                        "CHECKSUM", "DNAT",      "SNAT",    "MASQUERADE",  "REDIRECT", "NETMAP",
                                        "TPROXY",   "IDLETIMER", "RATEEST", "CONNSECMARK", "LED",      "HMARK"};

}  // namespace

void read_target(RuleState& state, const std::string& option, WordReader& words, const std::string& chain) {
    const std::string target = words.next();
    ImportedRule& rule = state.rule;
    if (option == "-g" || option == "--goto") {
        rule.next = Next::kGoto;
        rule.chain = state.scope.prefix + target;
        return;
    }
    for (const Verdict& one : kVerdicts) {
        if (one.target != target) continue;
        rule.next = Next::kVerdict;
        rule.verdict = one.verdict;
        target_options(words);
        return;
    }
    if (target == "RETURN") return void(rule.next = Next::kReturn);
    if (target == "LOG" || target == "NFLOG" || target == "ULOG") return log(state, target_options(words), chain);
    if (target == "SET") return change_set(state, target_options(words));
    for (const std::string_view one : kUnsaid) {
        if (one != target) continue;
        target_options(words);
        return refuse(state, fmt::format("target {} changes packets or hands them on", target));
    }
    if (state.scope.ruleset.chains.contains(state.scope.prefix + target)) {
        rule.next = Next::kJump;
        rule.chain = state.scope.prefix + target;
        return;
    }
    target_options(words);
    refuse(state, fmt::format("target `{}` is neither a chain of the file nor known", target));
}

}  // namespace weir::tooling::imports
