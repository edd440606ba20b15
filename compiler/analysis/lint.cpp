// Tested by tests/golden/lint_test.cpp.
#include "compiler/analysis/lint.h"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include "compiler/analysis/needless.h"
#include "compiler/analysis/reach.h"
#include "compiler/analysis/suspects.h"

namespace weir::analysis {
namespace {

constexpr std::size_t kMaxNotes = 3;  // rules that a diagnostic shows; W401 names all of them in `blockers`

class Linter {
public:
    Linter(const policy::TypedPolicy& policy, Diagnostics& diagnostics);

    Judged lint();

private:
    enum class Fate : std::uint8_t { kNever, kShadowed, kSome };
    static constexpr RuleNumber kNone = 0xffffffff;

    RuleNumber count() const { return static_cast<RuleNumber>(policy_.rules.size()); }
    bool spent() { return reach_.spent(); }
    void leave_out(RuleNumber number) { left_out_[number] = true; }
    void find_set_readers();
    void find_fates();
    Fate fate_of(RuleNumber number);
    void never_true(const policy::Rule& rule);
    policy::ExprId narrowest_contradiction(policy::ExprId id);
    Reach::Found fixed_takers(Bdd::Node packets, RuleNumber number);
    std::vector<RuleNumber> needed(Bdd::Node packets, const Reach::Found& found);
    bool match_all(Bdd::Node packets, const std::vector<RuleNumber>& rules);
    std::vector<RuleNumber> fewest(Bdd::Node packets, const std::vector<RuleNumber>& takers,
                                   std::vector<RuleNumber> rules);
    void shadowed(RuleNumber number, Bdd::Node packets, Reach::Found by);
    bool gives_same(RuleNumber number, RuleNumber later) const;
    void find_tested();
    void find_redundant();
    bool is_redundant(RuleNumber number, std::vector<RuleNumber>& later);
    void redundant(RuleNumber number, const std::vector<RuleNumber>& later);
    Diagnostic about(Code code, RuleNumber number) const;
    // The rule's whole effect is its verdict.
    static bool only_decides(const policy::Rule& rule) {
        return rule.decides() && !rule.has_state() && rule.alerts.empty() && rule.changes.empty() &&
               rule.measures.empty();
    }

    const policy::TypedPolicy& policy_;
    Diagnostics& diagnostics_;
    Universe universe_;
    PacketSets sets_;
    Reach reach_;
    std::vector<Fate> fates_;
    RuleMarks takers_;              // rules that decide whatever they match
    RuleMarks fixed_;               // those of them that read no named set
    RuleMarks all_;                 // every rule
    RuleMarks tested_;              // a test wants this very rule to decide: it is there on purpose
    RuleMarks left_out_;            // rules that were too much
    std::vector<RuleNumber> next_;  // of each rule: which one a packet that reaches it would match after it
};

Linter::Linter(const policy::TypedPolicy& policy, Diagnostics& diagnostics)
    : policy_(policy),
      diagnostics_(diagnostics),
      universe_(policy),
      sets_(universe_, policy),
      reach_(sets_, policy),
      fates_(policy.rules.size(), Fate::kSome),
      takers_(policy.rules.size()),
      fixed_(policy.rules.size()),
      all_(policy.rules.size(), true),
      tested_(policy.rules.size()),
      left_out_(policy.rules.size()),
      next_(policy.rules.size(), kNone) {
    for (std::size_t i = 0; i < policy.rules.size(); ++i)
        takers_[i] = policy.rules[i].decides() && !policy.rules[i].has_state();
    find_set_readers();
}

// At the rule's head: `rule NAME`.
Diagnostic Linter::about(Code code, RuleNumber number) const {
    const policy::Rule& rule = policy_.rules[number];
    Diagnostic found{.code = code, .span = rule.span, .rule = rule.name};
    found.span.end =
        std::min(found.span.end, found.span.begin + static_cast<std::uint32_t>(sizeof("rule ") - 1 + rule.name.size()));
    return found;
}

// ---- W403 ----

// The smallest part of a condition that holds for no packet, and with it the whole.
policy::ExprId Linter::narrowest_contradiction(policy::ExprId id) {
    const auto* all = std::get_if<policy::And>(&policy_.expr(id).node);
    if (all == nullptr) return id;
    for (const policy::ExprId operand : all->operands)
        if (!reach_.find(sets_.raw(operand), 0, takers_).is_possible && !spent())
            return narrowest_contradiction(operand);
    return id;
}

void Linter::never_true(const policy::Rule& rule) {
    // W453 says more of it.
    const auto said = [&](const Diagnostic& d) {
        return (d.code == Code::W403 || d.code == Code::W453) && d.rule == rule.name;
    };
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

// Which rules do not read a named set: what such a set holds may change. Operands stand before what joins them.
void Linter::find_set_readers() {
    RuleMarks reads(policy_.exprs.size());
    const auto is_reader = [&reads](policy::ExprId id) -> bool { return reads[static_cast<std::size_t>(id)]; };
    for (std::size_t i = 0; i < policy_.exprs.size(); ++i) {
        const auto& node = policy_.exprs[i].node;
        if (const auto* all = std::get_if<policy::And>(&node))
            reads[i] = std::any_of(all->operands.begin(), all->operands.end(), is_reader);
        else if (const auto* any = std::get_if<policy::Or>(&node))
            reads[i] = std::any_of(any->operands.begin(), any->operands.end(), is_reader);
        else if (const auto* negated = std::get_if<policy::Not>(&node))
            reads[i] = is_reader(negated->operand);
        else if (const auto* in = std::get_if<policy::InSet>(&node))
            reads[i] = !policy_.sets[static_cast<std::size_t>(in->set)].name.empty();
    }
    for (std::size_t i = 0; i < policy_.rules.size(); ++i)
        fixed_[i] = takers_[i] && !is_reader(policy_.rules[i].condition);
}

// Rules that read no named set and decide all these packets of the rule; no takers where they do not. Each of them
// decides some, also with the other rules there.
Reach::Found Linter::fixed_takers(Bdd::Node packets, RuleNumber number) {
    Reach::Found found = reach_.find(packets, number, fixed_);
    if (found.exists) return {};
    for (const RuleNumber taker : found.takers)
        if (!reach_.find(reach_.bdd().both(packets, reach_.matches(taker)), taker, takers_).exists) return {};
    return found;
}

// Of the takers, which decide all packets of the rule together, as few as are needed: without any one of the result
// some packet is left.
std::vector<RuleNumber> Linter::needed(Bdd::Node packets, const Reach::Found& found) {
    Bdd& bdd = reach_.bdd();
    const std::vector<RuleNumber>& rules = found.takers;
    const Bdd::Node whole = packets;
    for (const Bdd::Node bound : found.bounds) packets = bdd.both(packets, bound);
    for (const RuleNumber one : rules)
        if (bdd.without(packets, reach_.matches(one)) == Bdd::kFalse) return {one};
    std::vector<Bdd::Node> later(rules.size() + 1, Bdd::kFalse);  // decided by rules[i] and those after it
    for (std::size_t i = rules.size(); i-- > 0;)
        later[i] = bdd.either(later[i + 1], bdd.both(packets, reach_.matches(rules[i])));
    std::vector<RuleNumber> kept;
    Bdd::Node left = packets;  // by those that are kept
    for (std::size_t i = 0; i < rules.size() && left != Bdd::kFalse; ++i) {
        if (bdd.without(left, later[i + 1]) == Bdd::kFalse) continue;
        kept.push_back(rules[i]);
        left = bdd.without(left, reach_.matches(rules[i]));
    }
    return fewest(whole, found.takers, std::move(kept));
}

// Do these rules together match all of the packets that a reader makes?
bool Linter::match_all(Bdd::Node packets, const std::vector<RuleNumber>& rules) {
    for (const RuleNumber rule : rules) packets = reach_.bdd().without(packets, reach_.matches(rule));
    return !reach_.find(packets, 0, {}).exists && !spent();
}

// What is left without one of the rules may be packets that no reader makes: a closer look, where it is cheap.
std::vector<RuleNumber> Linter::fewest(Bdd::Node packets, const std::vector<RuleNumber>& takers,
                                       std::vector<RuleNumber> rules) {
    constexpr std::size_t kMost = 8;
    if (rules.size() > kMost) return rules;
    for (std::size_t i = 0; rules.size() > 1 && i < rules.size();) {
        std::vector<RuleNumber> others = rules;
        others.erase(others.begin() + static_cast<std::ptrdiff_t>(i));
        if (match_all(packets, others))
            rules = std::move(others);
        else
            ++i;
    }
    // They were left out one after the other: others of the takers may be fewer.
    if (rules.size() < 2 || takers.size() > kMost || spent()) return rules;
    std::vector<RuleNumber> chosen;
    for (std::uint32_t choice = 1; choice < 1u << takers.size() && rules.size() > 1; ++choice) {
        if (static_cast<std::size_t>(std::popcount(choice)) >= rules.size()) continue;
        chosen.clear();
        for (std::size_t i = 0; i < takers.size(); ++i)
            if ((choice >> i & 1) != 0) chosen.push_back(takers[i]);
        if (match_all(packets, chosen)) rules = chosen;
    }
    return rules;
}

// Says which earlier rules decide the packets of this one. Rules that read a named set are among them only where it
// cannot be without.
void Linter::shadowed(RuleNumber number, Bdd::Node packets, Reach::Found by) {
    const policy::Rule& rule = policy_.rules[number];
    if (!std::all_of(by.takers.begin(), by.takers.end(), [this](RuleNumber one) { return fixed_[one]; }))
        if (Reach::Found fixed = fixed_takers(packets, number); !fixed.takers.empty()) by = std::move(fixed);
    const std::vector<RuleNumber> takers = needed(packets, by);
    if (spent()) return;
    Diagnostic found = about(Code::W401, number);
    for (const RuleNumber i : takers) {
        found.blockers.push_back(policy_.rules[i].name);
        if (found.notes.size() < kMaxNotes)
            found.notes.push_back(
                {policy_.rules[i].condition_span, fmt::format("`{}` decides {}", policy_.rules[i].name,
                                                              takers.size() == 1   ? "all of them"
                                                              : i != takers.back() ? "some of them"
                                                                                   : "the rest")});
    }
    found.message = fmt::format("`{}` is shadowed: earlier rules decide all its packets", rule.name);
    found.label = "never reached";
    found.help = "move it up, narrow the earlier rules, or remove it";
    diagnostics_.add(std::move(found));
}

Linter::Fate Linter::fate_of(RuleNumber number) {
    const Reach::Scope scope(reach_);
    const Bdd::Node matches = reach_.matches(number);
    const Reach::Found found = reach_.find(matches, number, takers_);
    if (found.exists && !spent()) {
        next_[number] = reach_.first(reach_.point(), number + 1, count(), all_);
        return Fate::kSome;
    }
    if (!spent() && !found.is_possible) {
        never_true(policy_.rules[number]);
        return Fate::kNever;
    }
    if (!spent()) shadowed(number, matches, found);
    if (!spent()) return Fate::kShadowed;
    leave_out(number);
    return Fate::kSome;
}

void Linter::find_fates() {
    for (RuleNumber i = 0; i < count(); ++i) {
        if (reach_.is_unknown(i)) {
            leave_out(i);
            continue;
        }
        fates_[i] = fate_of(i);
        // What is shadowed decides nothing.
        if (fates_[i] != Fate::kSome) takers_[i] = fixed_[i] = false;
    }
}

// ---- W402 ----

void Linter::find_tested() {
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

// Does the later rule do to its packets what this one does, and nothing else? A rule that is shadowed counts as one
// that does something else, lest two rules be blamed for each other.
bool Linter::gives_same(RuleNumber number, RuleNumber later) const {
    const policy::Rule &rule = policy_.rules[number], &other = policy_.rules[later];
    return fates_[later] == Fate::kSome && only_decides(other) && rule.verdict->kind == other.verdict->kind &&
           rule.verdict->interface == other.verdict->interface;
}

// Whether the packets that reach the rule all get the same from later ones: from those in `later` first, of which each
// gets some. Rules that are in no mark of takers_ are as if they were not there.
bool Linter::is_redundant(RuleNumber number, std::vector<RuleNumber>& later) {
    const Reach::Scope scope(reach_);
    Bdd& bdd = reach_.bdd();
    Bdd::Node left = reach_.matches(number);
    constexpr int kTries = 4;  // most rules are needed, and a packet or two shows it
    for (int i = 0; i < kTries; ++i) {
        if (!reach_.find(left, number, takers_).exists) break;
        const RuleNumber next = reach_.first(reach_.point(), number + 1, count(), all_);
        if (next == count() || !gives_same(number, next)) return false;
    }
    for (const RuleNumber other : reach_.near(reach_.outline(number), number + 1, count())) {
        if (fates_[other] == Fate::kNever) continue;
        if (reach_.is_unknown(other)) return leave_out(number), false;
        const Bdd::Node both = bdd.both(left, reach_.matches(other));
        if (both == Bdd::kFalse) continue;
        const bool is_same = gives_same(number, other);
        if (!is_same || later.size() < kMaxNotes) {
            const bool gets_some = reach_.find(both, number, takers_).exists;
            if (gets_some && !is_same) return false;
            if (gets_some) later.push_back(other);
        }
        left = bdd.without(left, both);
        if (left == Bdd::kFalse) break;
    }
    const bool is_needed = reach_.find(left, number, takers_).exists;
    if (spent()) leave_out(number);
    return !spent() && !is_needed;
}

void Linter::redundant(RuleNumber number, const std::vector<RuleNumber>& later) {
    const policy::Rule& rule = policy_.rules[number];
    Diagnostic found = about(Code::W402, number);
    for (const RuleNumber i : later)
        found.notes.push_back(
            {policy_.rules[i].condition_span, fmt::format("`{}` gives the same verdict", policy_.rules[i].name)});
    found.message = fmt::format("`{}` is redundant: later rules give its packets the same verdict", rule.name);
    found.label = "redundant";
    found.help = fmt::format("remove it; to keep it on purpose, name it in a test: `by {}`", rule.name);
    diagnostics_.add(std::move(found));
}

// What is found redundant is left out of what comes before the rules after it, so that all of them may go together.
void Linter::find_redundant() {
    find_tested();
    for (RuleNumber i = 0; i < count(); ++i) {
        if (fates_[i] != Fate::kSome || reach_.is_unknown(i) || left_out_[i] || tested_[i]) continue;
        if (!only_decides(policy_.rules[i])) continue;
        if (next_[i] == count() || !gives_same(i, next_[i])) continue;
        std::vector<RuleNumber> later;
        if (!is_redundant(i, later)) continue;
        redundant(i, later);
        takers_[i] = fixed_[i] = false;
    }
}

Judged Linter::lint() {
    warn_over_limit(policy_, diagnostics_);
    warn_always_true(policy_, diagnostics_);
    find_fates();
    const Reached reached{policy_, reach_, takers_};
    for (const packet::Direction direction : packet::kDirections) warn_neighbours(reached, direction, diagnostics_);
    warn_messages(reached, diagnostics_);
    warn_negations(reached, diagnostics_);
    find_redundant();
    warn_needless(reached, diagnostics_);
    Judged judged;
    for (RuleNumber i = 0; i < count(); ++i)
        if (left_out_[i]) judged.left_out.push_back(policy_.rules[i].name);
    return judged;
}

}  // namespace

Judged lint(const policy::TypedPolicy& policy, Diagnostics& diagnostics) { return Linter(policy, diagnostics).lint(); }

}  // namespace weir::analysis
