// Tested by tests/unit/tooling/explain_test.cpp.
#include "tooling/judge/explain.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bpf/abi.h"
#include "grammar/base/names.h"
#include "grammar/base/printable.h"
#include "tooling/judge/excerpt.h"

namespace weir::tooling {
namespace {

const policy::Rule& rule_of(const RuleAccount& account, const policy::TypedPolicy& policy) {
    return policy.rules[static_cast<std::size_t>(account.rule)];
}

// "drop", "would drop, alert scan": what a rule that matched did.
std::string actions_text(const policy::Rule& rule, const policy::TypedPolicy& policy) {
    std::string text;
    const auto add = [&](const std::string& action) { text += (text.empty() ? "" : ", ") + action; };
    for (const policy::AlertAction& alert : rule.alerts)
        add("alert " + policy.alerts[static_cast<std::size_t>(alert.alert)].name);
    for (const policy::SetChange& change : rule.changes)
        add((change.adds ? "add to " : "remove from ") + policy.sets[static_cast<std::size_t>(change.set)].name);
    if (!rule.verdict) return text;
    constexpr const char* kWords[] = {"pass", "drop", "reject", "redirect"};
    std::string verdict = kWords[static_cast<std::size_t>(rule.verdict->kind)];
    if (rule.verdict->kind == policy::VerdictKind::kRedirect)
        verdict += fmt::format("(\"{}\")", rule.verdict->interface);
    add((rule.observe ? "would " : "") + verdict);
    return text;
}

}  // namespace

Explainer::Explainer(const LoadedPolicy& loaded, Evaluators& evaluators) : evaluators_(evaluators) {
    evaluators.watch([this, &loaded](const oracle::Oracle& oracle, const oracle::Tried& tried) {
        if (!listens_) return;
        RuleAccount account{tried.rule, {}};
        if (!tried.is_matched())
            account.failed = failed_condition(loaded.compiled->policy, loaded.sources, oracle, tried);
        rules_.push_back(std::move(account));
    });
}

Account Explainer::account(const Evaluators::Answer& answer, std::string packet) {
    listens_ = false;
    return {std::move(rules_), answer.judged, answer.difference, std::move(packet)};
}

std::string explain_json(const Account& account, const LoadedPolicy& loaded) {
    const policy::TypedPolicy& policy = loaded.compiled->policy;
    const Judged& judged = account.judged;
    nlohmann::ordered_json line;
    line["verdict"] = verdict_name(judged.verdict);
    if (const std::string& to = redirected_to(judged, policy); !to.empty()) line["to"] = to;
    line["rule"] = nullptr;
    if (judged.by == Judged::By::kRule) line["rule"] = policy.rules[judged.rule].name;
    if (judged.by == Judged::By::kMalformed) line["rule"] = "malformed";
    line["rules"] = nlohmann::ordered_json::array();
    for (const RuleAccount& one : account.rules) {
        const policy::Rule& rule = rule_of(one, policy);
        nlohmann::ordered_json entry{{"name", rule.name}, {"matched", !one.failed}};
        if (rule.observe) entry["observe"] = true;
        if (one.failed) {
            const Span span = one.failed->span;
            const Position at = loaded.sources.position(span.file, span.begin);
            entry["failed"] = {{"file", loaded.sources.name(span.file)},
                               {"line", at.line},
                               {"column", at.column},
                               {"text", one.failed->text},
                               {"value", nullptr}};
            if (one.failed->value) entry["failed"]["value"] = *one.failed->value;
        }
        line["rules"].push_back(std::move(entry));
    }
    line["alerts"] = nlohmann::ordered_json::array();
    for (const std::uint32_t alert : judged.alerts) line["alerts"].push_back(policy.alerts[alert].name);
    line["packet"] = account.packet;
    if (!account.difference.empty()) line["difference"] = account.difference;
    return line.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string explain_text(const Account& account, const LoadedPolicy& loaded, Colour colour) {
    const policy::TypedPolicy& policy = loaded.compiled->policy;
    const auto tint = [&](const char* code, const std::string& text) {
        return colour == Colour::kOn ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : text;
    };
    std::string out = printable(account.packet) + "\n\n";
    for (const RuleAccount& one : account.rules) {
        const policy::Rule& rule = rule_of(one, policy);
        if (!one.failed) {
            const std::string does = actions_text(rule, policy);
            out += fmt::format("{} matched{}\n", tint("1", rule.name), does.empty() ? "" : ": " + printable(does));
            continue;
        }
        const std::string seen =
            one.failed->value ? "seen: " + printable(*one.failed->value) : "the packet does not have it";
        out += fmt::format("{} did not match\n", tint("1", rule.name));
        out += excerpt(loaded.sources, one.failed->span, seen, colour);
    }
    const char* verdict_tint = account.judged.verdict == WEIR_PASS ? "32" : "31";
    return out + fmt::format("\n{}\n", tint(verdict_tint, printable(describe(account.judged, policy))));
}

}  // namespace weir::tooling
