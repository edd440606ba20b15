// Tested by tests/unit/sema/names_test.cpp with `alert`.
#include "compiler/sema/check_items.h"

#include <algorithm>

#include <fmt/format.h>

#include "bpf/abi.h"
#include "compiler/policy/set_element.h"
#include "grammar/base/nearest.h"
#include "grammar/base/same_numbers.h"

namespace weir::sema {

std::optional<Diagnostic> egress_fault(const policy::Verdict& verdict, Span span) {
    if (verdict.kind == policy::VerdictKind::kPass || verdict.kind == policy::VerdictKind::kDrop) return std::nullopt;
    const bool is_reject = verdict.kind == policy::VerdictKind::kReject;
    return Diagnostic{
        .code = Code::E390,
        .span = span,
        .message = fmt::format("a packet on its way out cannot be {}", is_reject ? "rejected" : "redirected"),
        .help = "the verdicts there are `pass` and `drop`",
        .fix = is_reject ? std::optional(Fix{span, "drop"}) : std::nullopt};
}

// ---- alerts ----

policy::MessagePart ItemChecker::hole(std::string_view name, Span span) {
    const auto word = std::find(std::begin(kMessageWordNames), std::end(kMessageWordNames), name);
    if (word != std::end(kMessageWordNames)) return static_cast<MessageWord>(word - std::begin(kMessageWordNames));
    const auto field = conditions_.field(name, span);
    if (!field) return std::string();
    return *field;
}

// Where the hole stands; the whole text where escapes hide it.
Span ItemChecker::hole_span(Span written, std::string_view name) const {
    const std::size_t at = sources_.text(written).find(fmt::format("{{{}}}", name));
    if (at == std::string_view::npos || name.empty()) return written;
    const std::uint32_t begin = written.begin + static_cast<std::uint32_t>(at) + 1;
    return {written.file, begin, begin + static_cast<std::uint32_t>(name.size())};
}

std::vector<policy::MessagePart> ItemChecker::message(const std::string& text, Span written) {
    std::vector<policy::MessagePart> parts;
    std::size_t at = 0;
    while (at < text.size()) {
        const std::size_t brace = text.find_first_of("{}", at);
        if (brace != at) parts.emplace_back(text.substr(at, brace - at));
        if (brace == std::string::npos) break;
        if (brace + 1 < text.size() && text[brace + 1] == text[brace]) {  // a brace, written twice
            parts.emplace_back(std::string(1, text[brace]));
            at = brace + 2;
            continue;
        }
        const std::size_t end = text.find('}', brace);
        if (text[brace] == '}' || end == std::string::npos) {
            say({.code = Code::E332,
                 .span = written,
                 .message = text[brace] == '}' ? "`}` has no `{` before it" : "`{` is not closed",
                 .help = "write a field in braces: {ip.src}; write a brace itself twice: {{"});
            break;
        }
        const std::string_view name = std::string_view(text).substr(brace + 1, end - brace - 1);
        parts.push_back(hole(name, hole_span(written, name)));
        at = end + 1;
    }
    return parts;
}

void ItemChecker::alert(const ast::Policy& policy, const ast::Alert& written) {
    policy::Alert alert;
    alert.name = written.name.text;
    alert.span = written.name.span;
    if (written.severity) alert.severity = *written.severity;
    if (written.message)
        alert.message = message(*written.message, written.message_span), alert.message_span = written.message_span;
    if (written.throttle) alert.throttle = throttle(policy, *written.throttle);
    for (const ast::Name& name : written.sinks) {
        const auto sink = known_sink(name);
        if (sink && std::find(alert.sinks.begin(), alert.sinks.end(), *sink) == alert.sinks.end())
            alert.sinks.push_back(*sink);
    }
    reactions(policy, written, alert);
    typed_.alerts.push_back(std::move(alert));
}

// ---- rules ----

void ItemChecker::action(const ast::Policy& policy, const ast::Action& written, policy::Rule& rule) {
    if (const auto* given = std::get_if<ast::Verdict>(&written.node)) {
        rule.verdict = verdict(*given, written.span);
    } else if (const auto* alert = std::get_if<ast::AlertAction>(&written.node)) {
        if (alert->sample && *alert->sample == 0)
            say({.code = Code::E338,
                 .span = written.span,
                 .message = "a sample cannot be 1/0",
                 .help = "write `sample 1/100`"});
        const auto found = names_.alerts.find(alert->alert.text);
        if (found != names_.alerts.end()) {
            rule.alerts.push_back({found->second, std::max<std::uint64_t>(alert->sample.value_or(1), 1)});
        } else {
            Diagnostic unknown{.code = Code::E209,
                               .span = alert->alert.span,
                               .message = fmt::format("unknown alert `{}`", alert->alert.text),
                               .help = fmt::format("declare it: `alert {} {{ message \"…\" }}`", alert->alert.text)};
            if (const std::string near = nearest_name(names_.alerts, alert->alert.text, conditions_.diagnostics());
                !near.empty())
                unknown.fix = Fix{alert->alert.span, near};
            say(std::move(unknown));
        }
    } else if (std::holds_alternative<ast::AddAction>(written.node) ||
               std::holds_alternative<ast::RemoveAction>(written.node)) {
        if (auto change = set_change(policy, written, "a rule")) rule.changes.push_back(std::move(*change));
    } else if (std::holds_alternative<ast::MeasureAction>(written.node)) {
        measure(policy, written, rule);
    } else {
        capture(policy, written, rule);
    }
}

// A verdict ends the rule. One that stands too early moves behind the other actions, which stay in their order.
void ItemChecker::check_verdict_last(const ast::Rule& written) {
    const auto is_verdict = [](const ast::Action& one) { return std::holds_alternative<ast::Verdict>(one.node); };
    const auto first = std::find_if(written.actions.begin(), written.actions.end(), is_verdict);
    if (first == written.actions.end() || first + 1 == written.actions.end()) return;
    Diagnostic wrong{.code = Code::E330,
                     .span = (first + 1)->span,
                     .message = "an action follows the verdict",
                     .help = "a verdict ends the rule: write it last"};
    const Span all{written.span.file, first->span.begin, written.actions.back().span.end};
    const Span rest{written.span.file, (first + 1)->span.begin, written.actions.back().span.end};
    const bool has_comment = sources_.text(all).find('#') != std::string_view::npos;
    if (std::none_of(first + 1, written.actions.end(), is_verdict) && !has_comment)
        wrong.fix = Fix{all, fmt::format("{}, {}", sources_.text(rest), sources_.text(first->span))};
    say(std::move(wrong));
}

void ItemChecker::rule(const ast::Policy& policy, const ast::Rule& written) {
    constexpr std::size_t kMaxSearchRules = 64, kMaxStateRules = 256;  // language.md, limits
    policy::Rule rule;
    rule.name = written.name.text;
    rule.span = written.span;
    rule.condition_span = policy.expr(written.condition).span;
    rule.note = written.note.value_or("");
    rule.observe = written.observe;
    static_assert(same_numbers<ast::Direction, packet::Direction>(
        {{ast::Direction::kIn, packet::Direction::kIn}, {ast::Direction::kOut, packet::Direction::kOut}}));
    rule.direction = static_cast<packet::Direction>(written.direction);
    conditions_.set_rule(rule.name);
    const std::size_t searches = conditions_.payload_searches();
    rule.condition = conditions_.condition({&policy, nullptr, true}, written.condition);
    conditions_.take_condition(rule.condition, rule.condition_span);
    if (conditions_.payload_searches() != searches && ++search_rules_ == kMaxSearchRules + 1)
        say({.code = Code::E507,
             .span = rule.condition_span,
             .message = fmt::format("more than {} rules search the payload", kMaxSearchRules),
             .help = "if the position is known, compare a slice or use `starts_with`"});
    rule.terms = conditions_.take_terms();
    if (rule.has_state() && ++state_rules_ == kMaxStateRules + 1)
        say({.code = Code::E516,
             .span = rule.condition_span,
             .message = fmt::format("more than {} rules have a state term", kMaxStateRules),
             .help = "use one rule for several: a set can choose the packets that it counts"});
    for (const ast::Action& written_action : written.actions) action(policy, written_action, rule);
    check_verdict_last(written);
    check_captures(written, rule);
    if (rule.verdict && rule.direction == packet::Direction::kOut)
        if (auto fault = egress_fault(*rule.verdict, written.actions.back().span)) say(std::move(*fault));
    if (rule.alerts.size() > WEIR_RULE_ALERTS)
        say({.code = Code::E511,
             .span = written.name.span,
             .message = fmt::format("this rule has {} alerts", rule.alerts.size()),
             .help = fmt::format("a rule has at most {}", WEIR_RULE_ALERTS)});
    if (rule.changes.size() > WEIR_RULE_CHANGES)
        say({.code = Code::E518,
             .span = written.name.span,
             .message = fmt::format("this rule changes sets {} times", rule.changes.size()),
             .help = fmt::format("a rule makes at most {} changes", WEIR_RULE_CHANGES)});
    conditions_.set_rule({});
    typed_.rules.push_back(std::move(rule));
}

}  // namespace weir::sema
