// Tested by tests/unit/tooling/mutation_test.cpp with `mutants`.
#include "tooling/judge/mutant.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "tooling/judge/mutant_conditions.h"
#include "tooling/judge/mutant_text.h"

namespace weir::tooling {
namespace {

using policy::TypedPolicy;

class Mutants {
public:
    Mutants(const TypedPolicy& policy, const Sources& sources, std::uint32_t file)
        : policy_(policy), sources_(sources), file_(file) {}
    std::vector<Mutant> make();

private:
    void add(Mutant::Kind kind, std::uint32_t rule, Span span, std::string change,
             std::function<void(TypedPolicy&)> apply) {
        if (span.file == file_) all_.push_back({kind, span, std::move(change), rule, std::move(apply)});
    }
    std::string text(Span span) const { return shown(sources_.text(span)); }
    void condition(std::uint32_t rule, policy::ExprId id);
    void terms(std::uint32_t rule);
    void term(std::uint32_t rule, std::uint32_t number);
    void actions(std::uint32_t rule);
    void change_time(std::uint32_t rule, Span span, const policy::SetChange& change,
                     const std::function<policy::SetChange&(TypedPolicy&)>& find);
    void verdict(std::uint32_t rule);
    void order(std::uint32_t rule);
    void defaults();
    void sets();
    void alerts();

    const TypedPolicy& policy_;
    const Sources& sources_;
    std::uint32_t file_;
    std::set<policy::ExprId> seen_{};  // lets are shared
    std::vector<Mutant> all_{};
};

const char* verdict_word(policy::VerdictKind kind) {
    constexpr const char* kWords[] = {"pass", "drop", "reject", "redirect"};
    return kWords[static_cast<std::size_t>(kind)];
}

policy::VerdictKind flipped(policy::VerdictKind kind) {
    return kind == policy::VerdictKind::kDrop ? policy::VerdictKind::kPass : policy::VerdictKind::kDrop;
}

void Mutants::condition(std::uint32_t rule, policy::ExprId id) {
    if (!seen_.insert(id).second) return;
    const policy::Expr& expr = policy_.expr(id);
    const auto operands = [&](const std::vector<policy::ExprId>& ids, bool is_and) {
        for (std::size_t i = 0; i < ids.size(); ++i) {
            const Span span = policy_.expr(ids[i]).span;
            add(Mutant::Kind::kCondition, rule, span, fmt::format("without `{}`", text(span)),
                [id, i, is_and](TypedPolicy& p) {
                    policy::Expr& changed = p.exprs[static_cast<std::size_t>(id)];
                    auto& left = is_and ? std::get<policy::And>(changed.node).operands
                                        : std::get<policy::Or>(changed.node).operands;
                    left.erase(left.begin() + static_cast<std::ptrdiff_t>(i));
                });
            condition(rule, ids[i]);
        }
    };
    if (const auto* both = std::get_if<policy::And>(&expr.node)) return operands(both->operands, true);
    if (const auto* either = std::get_if<policy::Or>(&expr.node)) return operands(either->operands, false);
    if (const auto* negation = std::get_if<policy::Not>(&expr.node)) {
        const policy::ExprId operand = negation->operand;
        add(Mutant::Kind::kCondition, rule, expr.span, fmt::format("without the `not` of `{}`", text(expr.span)),
            [id, operand](TypedPolicy& p) { p.exprs[static_cast<std::size_t>(id)].node = policy::And{{operand}}; });
        return condition(rule, operand);
    }
    for (ChangedComparison& changed : changed_comparisons(expr, sources_.text(expr.span)))
        add(Mutant::Kind::kCondition, rule, expr.span, std::move(changed.change),
            [id, node = std::move(changed.node)](TypedPolicy& p) {
                p.exprs[static_cast<std::size_t>(id)].node = node;
            });
}

void Mutants::term(std::uint32_t rule, std::uint32_t number) {
    const policy::StateTerm& term = policy_.rules[rule].terms[number];
    const std::string written = text(term.span);
    const auto change = [&](std::string what, std::function<void(policy::StateTerm&)> apply) {
        add(Mutant::Kind::kState, rule, term.span, fmt::format("`{}` {}", written, what),
            [rule, number, apply = std::move(apply)](TypedPolicy& p) { apply(p.rules[rule].terms[number]); });
    };
    add(Mutant::Kind::kState, rule, term.span, fmt::format("without `{}`", written), [rule, number](TypedPolicy& p) {
        auto& terms = p.rules[rule].terms;
        terms.erase(terms.begin() + number);
    });
    change("the other way round", [](policy::StateTerm& t) { t.within = !t.within; });
    const bool is_byterate = term.kind == policy::TermKind::kByteRate, is_surge = term.kind == policy::TermKind::kSurge;
    const bool is_rough = is_surge || (term.kind == policy::TermKind::kDistinct && term.limit > 32);
    const std::uint64_t step = term.kind == policy::TermKind::kShare ? 100
                               : is_byterate                         ? std::max<std::uint64_t>(term.limit / 10, 1)
                               : is_rough                            ? term.limit
                                                                     : 1;
    // A bucket whose size is not given holds as many tokens as the limit says.
    const bool has_burst = term.burst != term.limit && term.burst != 0;
    const auto limit = [&](std::uint64_t to, const char* what) {
        change(what, [to, has_burst](policy::StateTerm& t) {
            if (!has_burst && t.burst != 0) t.burst = to;
            t.limit = to;
        });
    };
    limit(term.limit + step, "with a higher limit");
    if (term.limit > step) limit(term.limit - step, "with a lower limit");
    if (has_burst)
        change("with a larger burst",
               [](policy::StateTerm& t) { t.burst += std::max<std::uint64_t>(t.burst / 10, 1); });
    if (term.least != 0) change("wanting one packet more", [](policy::StateTerm& t) { ++t.least; });
    change("over twice the time", [](policy::StateTerm& t) {
        t.unit_ns *= 2;
        if (t.burst != 0 && t.burst > (std::uint64_t{1} << 62) / t.unit_ns) t.unit_ns /= 2;
    });
    if (!is_surge)
        change("over half the time",
               [](policy::StateTerm& t) { t.unit_ns = std::max<std::uint64_t>(t.unit_ns / 2, 1); });
    for (std::size_t key = 0; key < term.keys.size(); ++key)
        change(fmt::format("without its key {}", packet::field_name(term.keys[key].field)),
               [key](policy::StateTerm& t) { t.keys.erase(t.keys.begin() + static_cast<std::ptrdiff_t>(key)); });
}

void Mutants::terms(std::uint32_t rule) {
    for (std::uint32_t i = 0; i < policy_.rules[rule].terms.size(); ++i) {
        term(rule, i);
        const policy::ExprId of_share = policy_.rules[rule].terms[i].condition;
        if (of_share != policy::kNoExpr) condition(rule, of_share);
    }
}

// How long an entry stays.
void Mutants::change_time(std::uint32_t rule, Span span, const policy::SetChange& change,
                          const std::function<policy::SetChange&(TypedPolicy&)>& find) {
    if (!change.adds || change.for_ns == 0) return;
    const std::string& set = policy_.sets[static_cast<std::size_t>(change.set)].name;
    add(Mutant::Kind::kState, rule, span, fmt::format("an entry of `{}` that stays twice as long", set),
        [find](TypedPolicy& p) { find(p).for_ns *= 2; });
    add(Mutant::Kind::kState, rule, span, fmt::format("an entry of `{}` that stays half as long", set),
        [find](TypedPolicy& p) { find(p).for_ns /= 2; });
}

void Mutants::actions(std::uint32_t number) {
    const policy::Rule& rule = policy_.rules[number];
    const Span span = word_of(sources_, rule.span, "then");
    for (std::size_t i = 0; i < rule.alerts.size(); ++i) {
        const std::string& alert = policy_.alerts[static_cast<std::size_t>(rule.alerts[i].alert)].name;
        add(Mutant::Kind::kAction, number, span, fmt::format("without `alert {}`", alert), [number, i](TypedPolicy& p) {
            auto& alerts = p.rules[number].alerts;
            alerts.erase(alerts.begin() + static_cast<std::ptrdiff_t>(i));
        });
        if (rule.alerts[i].sample > 1)
            add(Mutant::Kind::kState, number, span, fmt::format("another sample of `alert {}`", alert),
                [number, i](TypedPolicy& p) { ++p.rules[number].alerts[i].sample; });
    }
    for (std::size_t i = 0; i < rule.changes.size(); ++i) {
        const policy::SetChange& change = rule.changes[i];
        add(Mutant::Kind::kState, number, span,
            fmt::format("without the change of `{}`", policy_.sets[static_cast<std::size_t>(change.set)].name),
            [number, i](TypedPolicy& p) {
                auto& changes = p.rules[number].changes;
                changes.erase(changes.begin() + static_cast<std::ptrdiff_t>(i));
            });
        change_time(number, span, change,
                    [number, i](TypedPolicy& p) -> policy::SetChange& { return p.rules[number].changes[i]; });
    }
    verdict(number);
}

void Mutants::verdict(std::uint32_t number) {
    const policy::Rule& rule = policy_.rules[number];
    if (rule.observe && rule.verdict)
        add(Mutant::Kind::kAction, number, word_of(sources_, rule.span, "observe"),
            fmt::format("`{}` without `observe`", rule.name),
            [number](TypedPolicy& p) { p.rules[number].observe = false; });
    if (!rule.decides()) return;
    const policy::VerdictKind other = flipped(rule.verdict->kind);
    add(Mutant::Kind::kAction, number, word_of(sources_, rule.span, verdict_word(rule.verdict->kind)),
        fmt::format("`{}` with `{}` instead of `{}`", rule.name, verdict_word(other), verdict_word(rule.verdict->kind)),
        [number, other](TypedPolicy& p) { p.rules[number].verdict = policy::Verdict{other, {}}; });
}

// A rule and the next one of its direction. Two rules that decide nothing may change places.
void Mutants::order(std::uint32_t number) {
    const policy::Rule& rule = policy_.rules[number];
    std::uint32_t next = number + 1;
    while (next < policy_.rules.size() && policy_.rules[next].direction != rule.direction) ++next;
    if (next == policy_.rules.size() || (!rule.decides() && !policy_.rules[next].decides())) return;
    add(Mutant::Kind::kOrder, number, word_of(sources_, rule.span, "rule"),
        fmt::format("`{}` after `{}`", rule.name, policy_.rules[next].name),
        [number, next](TypedPolicy& p) { std::swap(p.rules[number], p.rules[next]); });
}

void Mutants::defaults() {
    const auto other = [&](Span span, const char* name, const policy::Verdict& now,
                           const std::function<void(TypedPolicy&, policy::Verdict)>& set) {
        const policy::Verdict changed{flipped(now.kind), {}};
        add(Mutant::Kind::kDefault, 0, span,
            fmt::format("`{}` with `{}` instead of `{}`", name, verdict_word(changed.kind), verdict_word(now.kind)),
            [set, changed](TypedPolicy& p) { set(p, changed); });
    };
    if (policy_.default_span != Span{})
        other(policy_.default_span, "default", policy_.default_verdict,
              [](TypedPolicy& p, policy::Verdict v) { p.default_verdict = std::move(v); });
    if (const Span span = item_of(sources_, file_, "malformed"); span != Span{})
        other(span, "malformed", policy_.malformed_verdict,
              [](TypedPolicy& p, policy::Verdict v) { p.malformed_verdict = std::move(v); });
    if (policy_.default_egress)
        other(policy_.default_egress_span, "default egress", *policy_.default_egress,
              [](TypedPolicy& p, policy::Verdict v) { p.default_egress = std::move(v); });
}

// Changes that do not say how long an entry stays have the `ttl` of their set.
void set_ttl(TypedPolicy& policy, std::size_t set, std::uint64_t to_ns) {
    const std::uint64_t from_ns = *policy.sets[set].ttl_ns;
    const auto change = [&](std::vector<policy::SetChange>& changes) {
        for (policy::SetChange& one : changes)
            if (static_cast<std::size_t>(one.set) == set && one.for_ns == from_ns) one.for_ns = to_ns;
    };
    for (policy::Rule& rule : policy.rules) change(rule.changes);
    for (policy::Alert& alert : policy.alerts) change(alert.responses);
    policy.sets[set].ttl_ns = to_ns;
}

void Mutants::sets() {
    for (std::size_t i = 0; i < policy_.sets.size(); ++i) {
        const policy::Set& set = policy_.sets[i];
        if (set.ttl_ns) {
            const std::uint64_t ttl_ns = *set.ttl_ns;
            add(Mutant::Kind::kState, 0, set.span, fmt::format("`{}` with twice the `ttl`", set.name),
                [i, ttl_ns](TypedPolicy& p) { set_ttl(p, i, 2 * ttl_ns); });
            add(Mutant::Kind::kState, 0, set.span, fmt::format("`{}` with half the `ttl`", set.name),
                [i, ttl_ns](TypedPolicy& p) { set_ttl(p, i, ttl_ns / 2); });
        }
        if (set.from_file) continue;
        for (std::size_t entry = 0; entry < std::min<std::size_t>(set.entries.size(), kMostChanged); ++entry)
            add(Mutant::Kind::kState, 0, set.span,
                fmt::format("{} without {}", set.name.empty() ? "the set" : "`" + set.name + "`",
                            entry_text(set, entry)),
                [i, entry](TypedPolicy& p) { p.sets[i].entries = without_entry(p.sets[i], entry); });
    }
}

// A throttle counts only where what passes it changes a set.
void Mutants::alerts() {
    for (std::size_t i = 0; i < policy_.alerts.size(); ++i) {
        const policy::Alert& alert = policy_.alerts[i];
        for (std::size_t response = 0; response < alert.responses.size(); ++response) {
            const policy::SetChange& change = alert.responses[response];
            add(Mutant::Kind::kState, 0, alert.span,
                fmt::format("`{}` without the response on `{}`", alert.name,
                            policy_.sets[static_cast<std::size_t>(change.set)].name),
                [i, response](TypedPolicy& p) {
                    auto& all = p.alerts[i].responses;
                    all.erase(all.begin() + static_cast<std::ptrdiff_t>(response));
                });
            change_time(0, alert.span, change, [i, response](TypedPolicy& p) -> policy::SetChange& {
                return p.alerts[i].responses[response];
            });
        }
    }
}

std::vector<Mutant> Mutants::make() {
    for (std::uint32_t i = 0; i < policy_.rules.size(); ++i) {
        const policy::ExprId id = policy_.rules[i].condition;
        const policy::Expr& expr = policy_.expr(id);
        condition(i, id);
        if (!std::holds_alternative<policy::And>(expr.node) && !std::holds_alternative<policy::Constant>(expr.node))
            add(Mutant::Kind::kCondition, i, expr.span, fmt::format("`{}` for every packet", policy_.rules[i].name),
                [id](TypedPolicy& p) { p.exprs[static_cast<std::size_t>(id)].node = policy::Constant{true}; });
        terms(i);
        actions(i);
        order(i);
    }
    defaults();
    sets();
    alerts();
    std::stable_sort(all_.begin(), all_.end(),
                     [](const Mutant& a, const Mutant& b) { return a.span.begin < b.span.begin; });
    return std::move(all_);
}

}  // namespace

std::vector<Mutant> mutants_of(const TypedPolicy& policy, const Sources& sources, std::uint32_t file) {
    return Mutants(policy, sources, file).make();
}

}  // namespace weir::tooling
