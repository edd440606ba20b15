// Tested by tests/golden/lint_test.cpp.
#include "compiler/analysis/lint.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "compiler/analysis/packet_sets.h"
#include "compiler/analysis/suspects.h"

namespace weir::analysis {
namespace {

constexpr std::size_t kMaxNotes = 3;  // rules that a diagnostic shows; W401 names all of them in `blockers`

// The packets that a later rule decides, by verdict, before any other rule matches them.
using Decided = std::map<std::pair<policy::VerdictKind, std::string>, Bdd::Node>;

class Linter {
public:
    Linter(const policy::TypedPolicy& policy, Diagnostics& diagnostics)
        : policy_(policy),
          diagnostics_(diagnostics),
          universe_(policy),
          sets_(universe_, policy),
          reach_(policy.rules.size(), Reach::kSome) {}

    bool lint();

private:
    enum class Reach : std::uint8_t { kNever, kShadowed, kSome };

    bool spent() { return sets_.bdd().spent(); }
    void never_true(const policy::Rule& rule);
    policy::ExprId narrowest_contradiction(policy::ExprId id);
    enum class RelyOn : std::uint8_t { kFixed, kAll };
    std::vector<std::size_t> takers(std::size_t number, RelyOn rely_on);
    std::vector<std::size_t> needed(std::size_t number, const std::vector<std::size_t>& rules);
    void shadowed(std::size_t number);
    void find_set_readers();
    bool find_shadowed();
    std::vector<Bdd::Node> decided_later();
    bool find_redundant();
    void redundant(std::size_t number, Bdd::Node packets);
    // The rule's whole effect is its verdict.
    static bool only_decides(const policy::Rule& rule) {
        return rule.decides() && !rule.has_state() && rule.alerts.empty() && rule.changes.empty();
    }
    void find_tested();

    const policy::TypedPolicy& policy_;
    Diagnostics& diagnostics_;
    Universe universe_;
    PacketSets sets_;
    std::vector<Bdd::Node> matches_;  // of each rule
    std::vector<Bdd::Node> decided_;  // before each rule, by the earlier ones
    std::vector<Reach> reach_;
    std::vector<bool> reads_set_;  // each expression: a named set
    std::vector<bool> tested_;     // a test wants this very rule to decide: it is there on purpose
};

// ---- W403 ----

// The smallest part of a condition that holds for no packet, and with it the whole.
policy::ExprId Linter::narrowest_contradiction(policy::ExprId id) {
    const auto* all = std::get_if<policy::And>(&policy_.expr(id).node);
    if (all == nullptr) return id;
    for (const policy::ExprId operand : all->operands)
        if (sets_.of(operand) == Bdd::kFalse && !spent()) return narrowest_contradiction(operand);
    return id;
}

void Linter::never_true(const policy::Rule& rule) {
    const auto said = [&](const Diagnostic& d) { return d.code == Code::W403 && d.rule == rule.name; };
    if (std::any_of(diagnostics_.all().begin(), diagnostics_.all().end(), said)) return;
    const policy::ExprId narrowest = narrowest_contradiction(rule.condition);
    const bool whole = policy_.expr(narrowest).span == rule.condition_span;
    diagnostics_.add(
        {.code = Code::W403,
         .span = policy_.expr(narrowest).span,
         .message =
             whole
                 ? fmt::format("the condition of `{}` is never true", rule.name)
                 : fmt::format("this part of the condition of `{}` is never true, so the whole condition is never true",
                               rule.name),
         .label = "true for no packet",
         .help = "its parts contradict each other, or it uses fields that no packet has together",
         .rule = rule.name});
}

// ---- W401 ----

// Earlier rules that decide packets of this one, in order, until they have all. Empty where
// these do not have all.
std::vector<std::size_t> Linter::takers(std::size_t number, RelyOn rely_on) {
    Bdd& bdd = sets_.bdd();
    std::vector<std::size_t> rules;
    Bdd::Node left = matches_[number];
    for (std::size_t i = 0; i < number && left != Bdd::kFalse; ++i) {
        const policy::Rule& rule = policy_.rules[i];
        if (!rule.decides() || rule.has_state() || reach_[i] != Reach::kSome) continue;
        if (rely_on == RelyOn::kFixed && reads_set_[static_cast<std::size_t>(rule.condition)]) continue;
        const Bdd::Node rest = bdd.without(left, matches_[i]);
        if (rest != left) rules.push_back(i);
        left = rest;
    }
    if (left != Bdd::kFalse) rules.clear();
    return rules;
}

// Of these rules, which decide all packets of the rule together, as few as are needed: without any one of the result
// some packet is left.
std::vector<std::size_t> Linter::needed(std::size_t number, const std::vector<std::size_t>& rules) {
    Bdd& bdd = sets_.bdd();
    for (const std::size_t one : rules)
        if (bdd.without(matches_[number], matches_[one]) == Bdd::kFalse) return {one};
    std::vector<Bdd::Node> later(rules.size() + 1, Bdd::kFalse);  // decided by rules[i] and those after it
    for (std::size_t i = rules.size(); i-- > 0;)
        later[i] = bdd.either(later[i + 1], bdd.both(matches_[number], matches_[rules[i]]));
    std::vector<std::size_t> kept;
    Bdd::Node left = matches_[number];  // by those that are kept
    for (std::size_t i = 0; i < rules.size() && left != Bdd::kFalse; ++i) {
        if (bdd.without(left, later[i + 1]) == Bdd::kFalse) continue;
        kept.push_back(rules[i]);
        left = bdd.without(left, matches_[rules[i]]);
    }
    return kept;
}

// Says which earlier rules decide the packets of this one. Rules that read a named set are among them only where it
// cannot be without: what the set holds may change.
void Linter::shadowed(std::size_t number) {
    const policy::Rule& rule = policy_.rules[number];
    Diagnostic found{.code = Code::W401, .span = rule.span, .rule = rule.name};
    found.span.end =
        std::min(found.span.end, found.span.begin + static_cast<std::uint32_t>(sizeof("rule ") - 1 + rule.name.size()));
    std::vector<std::size_t> rules = takers(number, RelyOn::kFixed);
    if (rules.empty()) rules = takers(number, RelyOn::kAll);
    rules = needed(number, rules);
    for (const std::size_t i : rules) {
        found.blockers.push_back(policy_.rules[i].name);
        if (found.notes.size() < kMaxNotes)
            found.notes.push_back(
                {policy_.rules[i].condition_span, fmt::format("`{}` decides {}", policy_.rules[i].name,
                                                              rules.size() == 1   ? "all of them"
                                                              : i != rules.back() ? "some of them"
                                                                                  : "the rest")});
    }
    if (spent()) return;
    found.message = fmt::format("`{}` is shadowed: earlier rules decide all its packets", rule.name);
    found.label = "never reached";
    found.help = "move it up, narrow the earlier rules, or remove it";
    diagnostics_.add(std::move(found));
}

// Which expressions read a named set, themselves or in a part. Operands stand before what joins them.
void Linter::find_set_readers() {
    reads_set_.assign(policy_.exprs.size(), false);
    const auto reads = [this](policy::ExprId id) -> bool { return reads_set_[static_cast<std::size_t>(id)]; };
    for (std::size_t i = 0; i < policy_.exprs.size(); ++i) {
        const auto& node = policy_.exprs[i].node;
        if (const auto* all = std::get_if<policy::And>(&node))
            reads_set_[i] = std::any_of(all->operands.begin(), all->operands.end(), reads);
        else if (const auto* any = std::get_if<policy::Or>(&node))
            reads_set_[i] = std::any_of(any->operands.begin(), any->operands.end(), reads);
        else if (const auto* negated = std::get_if<policy::Not>(&node))
            reads_set_[i] = reads(negated->operand);
        else if (const auto* in = std::get_if<policy::InSet>(&node))
            reads_set_[i] = !policy_.sets[static_cast<std::size_t>(in->set)].name.empty();
    }
}

bool Linter::find_shadowed() {
    Bdd& bdd = sets_.bdd();
    Bdd::Node decided = Bdd::kFalse;
    find_set_readers();
    for (std::size_t i = 0; i < policy_.rules.size(); ++i) {
        const policy::Rule& rule = policy_.rules[i];
        matches_.push_back(sets_.matches(rule));
        decided_.push_back(decided);
        const bool covered = bdd.without(matches_[i], decided) == Bdd::kFalse;
        if (spent()) return false;
        if (matches_[i] == Bdd::kFalse) {
            reach_[i] = Reach::kNever;
            never_true(rule);
        } else if (covered) {
            reach_[i] = Reach::kShadowed;
            shadowed(i);
        } else if (rule.decides() && !rule.has_state()) {
            decided = bdd.either(decided, matches_[i]);
        }
        if (spent()) return false;
    }
    return true;
}

// ---- W402 ----

void Linter::find_tested() {
    tested_.assign(policy_.rules.size(), false);
    const auto mark = [this](const policy::Expectation& expected) {
        if (expected.rule) tested_[static_cast<std::size_t>(*expected.rule)] = true;
    };
    for (const policy::Test& test : policy_.tests) {
        for (const policy::TestStep& step : test.steps) {
            if (const auto* send = std::get_if<policy::SendFrames>(&step.node)) mark(send->expect);
            if (const auto* replay = std::get_if<policy::ReplayCapture>(&step.node)) mark(replay->expect);
        }
    }
}

// For each rule that only decides: the packets that, without it, a later rule would give the same verdict. A rule that
// is shadowed counts as one that does something else, lest two rules be blamed for each other.
std::vector<Bdd::Node> Linter::decided_later() {
    Bdd& bdd = sets_.bdd();
    std::vector<Bdd::Node> same(policy_.rules.size(), Bdd::kFalse);
    Decided decided;
    for (std::size_t i = policy_.rules.size(); i-- > 0 && !spent();) {
        const policy::Rule& rule = policy_.rules[i];
        if (reach_[i] == Reach::kNever) continue;
        const bool clean = only_decides(rule) && reach_[i] == Reach::kSome;
        const auto verdict = rule.verdict ? std::pair(rule.verdict->kind, rule.verdict->interface)
                                          : std::pair(policy::VerdictKind::kPass, std::string());
        if (clean) same[i] = decided.try_emplace(verdict, Bdd::kFalse).first->second;
        for (auto& [other, packets] : decided)
            packets = clean && other == verdict ? bdd.either(packets, matches_[i]) : bdd.without(packets, matches_[i]);
    }
    return same;
}

void Linter::redundant(std::size_t number, Bdd::Node packets) {
    const policy::Rule& rule = policy_.rules[number];
    Bdd& bdd = sets_.bdd();
    Diagnostic found{.code = Code::W402, .span = rule.span, .rule = rule.name};
    found.span.end =
        std::min(found.span.end, found.span.begin + static_cast<std::uint32_t>(sizeof("rule ") - 1 + rule.name.size()));
    for (std::size_t i = number + 1; i < policy_.rules.size() && packets != Bdd::kFalse; ++i) {
        if (bdd.both(packets, matches_[i]) == Bdd::kFalse) continue;
        packets = bdd.without(packets, matches_[i]);
        if (found.notes.size() < kMaxNotes)
            found.notes.push_back(
                {policy_.rules[i].condition_span, fmt::format("`{}` gives the same verdict", policy_.rules[i].name)});
    }
    if (spent()) return;
    found.message = fmt::format("`{}` is redundant: later rules give its packets the same verdict", rule.name);
    found.label = "redundant";
    found.help = fmt::format("remove it; to keep it on purpose, name it in a test: `by {}`", rule.name);
    diagnostics_.add(std::move(found));
}

// What is found redundant is left out of what comes before the rules after it, so that all of them may go together.
bool Linter::find_redundant() {
    const std::vector<Bdd::Node> same = decided_later();
    find_tested();
    Bdd& bdd = sets_.bdd();
    Bdd::Node decided = Bdd::kFalse;
    for (std::size_t i = 0; i < policy_.rules.size() && !spent(); ++i) {
        const policy::Rule& rule = policy_.rules[i];
        if (reach_[i] != Reach::kSome || !rule.decides()) continue;
        const Bdd::Node reached = bdd.without(matches_[i], decided);
        const bool covered = !tested_[i] && only_decides(rule) && bdd.without(reached, same[i]) == Bdd::kFalse;
        if (spent()) break;
        if (covered)
            redundant(i, reached);
        else if (!rule.has_state())
            decided = bdd.either(decided, matches_[i]);
    }
    return !spent();
}

bool Linter::lint() {
    warn_over_limit(policy_, diagnostics_);
    warn_always_true(policy_, diagnostics_);
    if (!find_shadowed()) return false;
    const Reached reached{policy_, sets_, matches_, decided_};
    for (const packet::Direction direction : packet::kDirections) warn_neighbours(reached, direction, diagnostics_);
    warn_messages(reached, diagnostics_);
    warn_negations(reached, diagnostics_);
    return !spent() && find_redundant();
}

}  // namespace

bool lint(const policy::TypedPolicy& policy, Diagnostics& diagnostics) { return Linter(policy, diagnostics).lint(); }

}  // namespace weir::analysis
