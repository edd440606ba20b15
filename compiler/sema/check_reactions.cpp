// What an alert does with its events: `throttle`, `escalate`, `respond`.
// Tested by tests/unit/sema/reactions_test.cpp with `escalate`.
#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "compiler/sema/check_items.h"

namespace weir::sema {
namespace {

constexpr std::size_t kMaxKeys = 4;                // fields of one, as of a state term
constexpr std::uint64_t kMostEvents = 0xffffffff;  // of a window

}  // namespace

// Each field once; nothing where one is wrong, which has been said.
std::optional<std::vector<policy::KeyField>> ItemChecker::event_key(const ast::Policy& policy,
                                                                    const std::vector<ast::ExprId>& written) {
    std::vector<ast::ExprId> ids = written;
    if (ids.size() == 1)
        if (const auto* tuple = std::get_if<ast::Tuple>(&policy.expr(ids.front()).node)) ids = tuple->elements;
    std::vector<policy::KeyField> keys;
    bool good = true;
    for (const ast::ExprId id : ids) {
        const auto key = conditions_.key_field({&policy}, id);
        good = good && key;
        if (key && std::find(keys.begin(), keys.end(), *key) == keys.end()) keys.push_back(*key);
    }
    return good ? std::optional(std::move(keys)) : std::nullopt;
}

std::optional<policy::StateTerm> ItemChecker::throttle(const ast::Policy& policy, const ast::Throttle& written) {
    const auto wrong = [&](std::string message) {
        say({.code = Code::E338,
             .span = written.span,
             .message = std::move(message),
             .help = "write `throttle 1 per ip.src every 1m`"});
    };
    policy::StateTerm throttle;
    throttle.kind = policy::TermKind::kThrottle;
    throttle.span = written.span;
    auto keys = event_key(policy, written.keys);
    const auto window = conditions_.given(written.every, Duration{});
    const auto count = conditions_.given_integer(written.count);
    if (!window || !count) return std::nullopt;
    const auto* every = std::get_if<Duration>(&*window);
    throttle.limit = *count;
    throttle.unit_ns = every == nullptr ? 0 : every->ns;
    if (throttle.limit == 0 || throttle.limit > kMostEvents)
        wrong(fmt::format("a throttle cannot pass {} events", throttle.limit));
    else if (throttle.unit_ns == 0)
        wrong("this throttle has no window");
    else if (written.keys.empty() || (keys && keys->size() > kMaxKeys))
        wrong(fmt::format("a throttle cannot have {} keys", keys ? keys->size() : 0));
    else if (keys)
        return throttle.keys = std::move(*keys), throttle;
    return std::nullopt;
}

std::optional<policy::SinkId> ItemChecker::known_sink(const ast::Name& name) {
    const auto found = names_.sinks.find(name.text);
    if (found != names_.sinks.end()) return found->second;
    Diagnostic unknown{.code = Code::E210,
                       .span = name.span,
                       .message = fmt::format("unknown sink `{}`", name.text),
                       .help = fmt::format("declare it: `sink {} = stdout()`", name.text)};
    if (const std::string near = nearest_name(names_.sinks, name.text, conditions_.diagnostics()); !near.empty())
        unknown.fix = Fix{name.span, near};
    say(std::move(unknown));
    return std::nullopt;
}

// One that is written twice is one, as a sink in `to`.
void ItemChecker::escalation(const ast::Policy& policy, const ast::Escalate& written, policy::Alert& alert) {
    const auto wrong = [&](std::string message) {
        say({.code = Code::E347,
             .span = written.span,
             .message = std::move(message),
             .help = "write `escalate to SINK when 10 within 5m per ip.src`"});
    };
    policy::Escalation escalation;
    escalation.span = written.span;
    const auto sink = known_sink(written.sink);
    auto keys = event_key(policy, written.keys);
    const auto window = conditions_.given(written.within, Duration{});
    const auto count = conditions_.given_integer(written.count);
    if (!window || !count) return;
    const auto* within = std::get_if<Duration>(&*window);
    if (*count == 0 || *count > kMostEvents) return wrong(fmt::format("{} events cannot escalate an alert", *count));
    if (within == nullptr || within->ns == 0) return wrong("this escalation has no window");
    if (keys && (keys->empty() || keys->size() > kMaxKeys))
        return wrong(fmt::format("an escalation cannot have {} keys", keys->size()));
    if (!keys || !sink) return;
    escalation.sink = *sink;
    escalation.count = *count;
    escalation.window_ns = within->ns;
    escalation.keys = std::move(*keys);
    const auto is_same = [&](const policy::Escalation& other) {
        return other.sink == escalation.sink && other.count == escalation.count &&
               other.window_ns == escalation.window_ns && other.keys == escalation.keys;
    };
    if (std::none_of(alert.escalations.begin(), alert.escalations.end(), is_same))
        alert.escalations.push_back(std::move(escalation));
}

void ItemChecker::response(const ast::Policy& policy, const ast::Action& written, policy::Alert& alert) {
    if (std::holds_alternative<ast::AddAction>(written.node) ||
        std::holds_alternative<ast::RemoveAction>(written.node)) {
        if (auto change = set_change(policy, written, "a response")) alert.responses.push_back(std::move(*change));
        return;
    }
    say({.code = Code::E348,
         .span = written.span,
         .message = fmt::format("a response cannot be `{}`", sources_.text(written.span)),
         .help = "a response changes sets: `respond { add ip.src to blocked for 1h }`; the rest stands in a rule"});
}

void ItemChecker::reactions(const ast::Policy& policy, const ast::Alert& written, policy::Alert& alert) {
    const auto too_many = [&](Span span, std::string_view what, std::size_t most) {
        say({.code = Code::E349,
             .span = span,
             .message = fmt::format("more than {} {} of the alert `{}`", most, what, alert.name),
             .help = "use two alerts"});
    };
    for (const ast::Escalate& one : written.escalations) escalation(policy, one, alert);
    for (const ast::Action& one : written.responses) response(policy, one, alert);
    if (written.escalations.size() > kMostEscalations)
        too_many(written.escalations[kMostEscalations].span, "escalations", kMostEscalations);
    if (written.responses.size() > kMostResponses)
        too_many(written.responses[kMostResponses].span, "responses", kMostResponses);
}

}  // namespace weir::sema
