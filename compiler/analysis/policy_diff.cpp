// Tested by tests/unit/analysis/policy_diff_test.cpp.
#include "compiler/analysis/policy_diff.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "bpf/abi.h"
#include "compiler/policy/identity.h"

namespace weir::analysis {
namespace {

constexpr std::size_t kStepsOfFacts = std::size_t{1} << 22;  // less than a second
constexpr std::size_t kMaxSteps = std::size_t{1} << 27;      // about ten seconds
constexpr std::size_t kMaxNodes = std::size_t{1} << 24;      // 400 MB
constexpr std::size_t kFirstSettled = 64;                    // rules that are taken from a region at once, at first

// What a policy has said of packets up to a rule.
struct Fate {
    bool is_decided = false;
    Outcome outcome{};  // `alerts` alone until it is decided
    friend auto operator<=>(const Fate&, const Fate&) = default;
};
struct Fates {
    Fate before{}, after{};
    friend auto operator<=>(const Fates&, const Fates&) = default;
};
using Parts = std::map<Fates, Bdd::Node>;

void add(std::vector<std::string>& alerts, const std::vector<std::string>& more) {
    alerts.insert(alerts.end(), more.begin(), more.end());
    std::sort(alerts.begin(), alerts.end());
}

void meet(Fate& fate, const policy::Rule& rule, const std::vector<std::string>& alerts) {
    if (fate.is_decided) return;
    add(fate.outcome.alerts, alerts);
    if (!rule.decides()) return;
    fate.is_decided = true;
    fate.outcome = {rule.verdict->kind, rule.verdict->interface, Outcome::By::kRule, rule.name,
                    std::move(fate.outcome.alerts)};
}

// In the order of a Bdd's variables: sets that stand side by side differ far down, if at all.
std::array<std::uint64_t, 5> place_of(const RuleBox& box) {
    const auto& [source, destination, protocol, source_port, destination_port] = box.sides;
    return {protocol.first, destination_port.first, destination.first, source.first, source_port.first};
}

// Of halves, so that what is in many of them costs little.
Bdd::Node any_of(Bdd& bdd, std::vector<Bdd::Node> sets) {
    if (sets.empty()) return Bdd::kFalse;
    for (; sets.size() > 1; sets.resize((sets.size() + 1) / 2)) {
        for (std::size_t i = 0; i < sets.size() / 2; ++i) sets[i] = bdd.either(sets[2 * i], sets[2 * i + 1]);
        if (sets.size() % 2 == 1) sets[sets.size() / 2] = sets.back();
    }
    return sets.front();
}

}  // namespace

PolicyDiff::PolicyDiff(const policy::TypedPolicy& before, const policy::TypedPolicy& after)
    : joint_(join(before, after)),
      universe_(joint_.policy),
      sets_(universe_, joint_.policy),
      before_{before, joint_.before},
      after_{after, joint_.after} {
    sets_.bdd().allow(kStepsOfFacts, kMaxNodes);
    universe_.assume_facts();
    sets_.bdd().allow(kMaxSteps, kMaxNodes);
    for (Side* side : {&before_, &after_}) {
        for (const JointRule& rule : side->rules) side->boxes.push_back(box_of(joint_.policy, rule.condition));
        side->matches.resize(side->rules.size());
    }
    find_terms();
    for (const packet::Direction direction : packet::kDirections) compare(sequence_of(direction));
    std::sort(unjudged_.begin(), unjudged_.end());
    unjudged_.erase(std::unique(unjudged_.begin(), unjudged_.end()), unjudged_.end());
    order_classes();
}

// Common are rules that do the same and stand in the same order, as many as can be (a longest increasing subsequence:
// no key occurs twice in a policy, since names do not). A packet that no other rule matches meets the same rules in
// both policies.
std::vector<PolicyDiff::Step> PolicyDiff::common_steps(packet::Direction direction) const {
    std::unordered_map<std::string, std::size_t> place;
    for (std::size_t i = 0; i < before_.rules.size(); ++i)
        if (before_.policy.rules[i].direction == direction) place.emplace(before_.rules[i].key, i);
    struct Link {
        Step step;
        std::size_t previous;
    };
    std::vector<Link> links;
    std::vector<std::size_t> tails;  // by length less one: the link that ends such a sequence with the smallest place
    for (std::size_t i = 0; i < after_.rules.size(); ++i) {
        if (after_.policy.rules[i].direction != direction) continue;
        const auto found = place.find(after_.rules[i].key);
        if (found == place.end()) continue;
        const auto tail =
            std::lower_bound(tails.begin(), tails.end(), found->second,
                             [&](std::size_t link, std::size_t at) { return links[link].step.before < at; });
        links.push_back({{found->second, i}, tail == tails.begin() ? kNone : *(tail - 1)});
        if (tail == tails.end())
            tails.push_back(links.size() - 1);
        else
            *tail = links.size() - 1;
    }
    std::vector<Step> steps;
    for (std::size_t link = tails.empty() ? kNone : tails.back(); link != kNone; link = links[link].previous)
        steps.push_back(links[link].step);
    std::reverse(steps.begin(), steps.end());
    return steps;
}

PolicyDiff::Sequence PolicyDiff::sequence_of(packet::Direction direction) const {
    Sequence sequence{direction};
    std::vector<Step> common = common_steps(direction);
    common.push_back({before_.rules.size(), after_.rules.size()});  // the ends
    std::size_t before = 0, after = 0;
    for (const Step& step : common) {
        for (; before < step.before; ++before)
            if (before_.policy.rules[before].direction == direction) sequence.steps.push_back({before, kNone});
        for (; after < step.after; ++after)
            if (after_.policy.rules[after].direction == direction) sequence.steps.push_back({kNone, after});
        sequence.steps.push_back(step);
        ++before, ++after;
    }
    sequence.steps.pop_back();
    return sequence;
}

// It does something that an outcome shows.
bool PolicyDiff::matters(const Step& step) const { return rule(step).decides() || !joint_rule(step).alerts.empty(); }

// A state term is a yes or no of its own: the same one in both policies where the rule has the same name and the term
// the same words. Of one count with two limits the higher one is not exceeded unless the lower one is. (Buckets of
// different rates can be empty one without the other, and a sketch of distinct values depends on its limit.)
void PolicyDiff::find_terms() {
    Bdd& bdd = sets_.bdd();
    struct Limit {
        std::uint64_t limit;
        Bdd::Node above;
    };
    std::map<std::string, std::vector<Limit>> windows;
    for (const Side* side : {&before_, &after_})
        for (std::size_t i = 0; i < side->rules.size(); ++i) {
            const policy::Rule& rule = side->policy.rules[i];
            for (std::size_t at = 0; at < rule.terms.size(); ++at) {
                const policy::StateTerm& term = rule.terms[at];
                const Bdd::Node above = universe_.opaque("state of " + side->rules[i].terms[at]);
                const auto is_same = [&](const TermVariable& known) { return known.above == above; };
                if (std::any_of(terms_.begin(), terms_.end(), is_same)) continue;
                terms_.push_back({&side->policy, &rule, &term, above});
                const bool is_exact = term.kind == policy::TermKind::kCount || term.kind == policy::TermKind::kShare ||
                                      term.kind == policy::TermKind::kSurge;
                if (!is_exact) continue;
                const std::string name = policy::identity(side->policy, rule, term) + fmt::format(" {}", term.least);
                for (const Limit& other : windows[name]) {
                    const bool is_higher = term.limit > other.limit;
                    const Bdd::Node higher = is_higher ? above : other.above, lower = is_higher ? other.above : above;
                    coherent_ = bdd.without(coherent_, bdd.without(higher, lower));
                }
                windows[name].push_back({term.limit, above});
            }
        }
}

// The packets that a rule matches.
Bdd::Node PolicyDiff::match(const Step& step) {
    std::optional<Bdd::Node>& known = side_of(step).matches[rule_of(step)];
    if (known) return *known;
    const JointRule& joint = joint_rule(step);
    const policy::Rule& typed = rule(step);
    Bdd& bdd = sets_.bdd();
    Bdd::Node all = bdd.both(sets_.going(typed.direction), sets_.raw(joint.condition));
    for (std::size_t i = 0; i < joint.terms.size(); ++i) {
        const policy::StateTerm& term = typed.terms[i];
        const Bdd::Node above = universe_.opaque("state of " + joint.terms[i]);
        for (const policy::KeyField& key : term.keys) all = bdd.both(all, sets_.having(key.field));
        if (term.value) all = bdd.both(all, sets_.having(term.value->field));
        all = term.within ? bdd.without(all, above) : bdd.both(all, above);
    }
    if (!bdd.spent()) known = all;
    return all;
}

Outcome PolicyDiff::last(const Side& side, packet::Direction direction, Outcome::By by,
                         std::vector<std::string> alerts) const {
    const policy::Verdict verdict = side.policy.last_verdict(direction, by == Outcome::By::kMalformed);
    return {verdict.kind, verdict.interface, by, {}, std::move(alerts)};
}

// The packets of the region that nothing before the step `first` settles: no rule that is not common matches them,
// which has a region of its own, and no common one decides them. Ever more rules at a time: the first ones may leave
// little.
Bdd::Node PolicyDiff::unsettled(const Sequence& sequence, std::size_t first, Bdd::Node region, const RuleBox& box) {
    Bdd& bdd = sets_.bdd();
    const Bdd::Node whole = region;  // simpler than what is left of it
    const std::vector<Step>& steps = sequence.steps;
    for (std::size_t at = 0; at < first && region != Bdd::kFalse; ++at)
        if (!steps[at].is_common() && matters(steps[at]) && this->box(steps[at]).meets(box))
            region = bdd.without(region, match(steps[at]));
    struct Settler {
        std::array<std::uint64_t, 5> place;
        Bdd::Node matches;
    };
    std::vector<Settler> settlers;
    for (std::size_t at = 0; at < first && region != Bdd::kFalse && !bdd.spent(); ++at) {
        const Step& step = steps[at];
        if (step.is_common() && rule(step).decides() && this->box(step).meets(box))
            settlers.push_back({place_of(this->box(step)), match(step)});
    }
    std::size_t most = kFirstSettled;
    for (std::size_t begin = 0; begin < settlers.size() && region != Bdd::kFalse && !bdd.spent(); most *= 2) {
        const std::size_t end = std::min(settlers.size(), begin + most);
        const auto at = [&](std::size_t index) { return settlers.begin() + static_cast<std::ptrdiff_t>(index); };
        std::sort(at(begin), at(end), [](const Settler& a, const Settler& b) { return a.place < b.place; });
        const std::size_t mark = bdd.mark();
        std::vector<Bdd::Node> sets;
        for (; begin < end; ++begin)
            if (const Bdd::Node set = bdd.both(whole, settlers[begin].matches); set != Bdd::kFalse) sets.push_back(set);
        region = bdd.release_but(mark, bdd.without(region, any_of(bdd, std::move(sets))));
    }
    return region;
}

// What both policies say of packets that nothing before the step `first` settles, where they differ.
PolicyDiff::Found PolicyDiff::walk(const Sequence& sequence, std::size_t first, Bdd::Node region, const RuleBox& box) {
    Bdd& bdd = sets_.bdd();
    const std::vector<Step>& steps = sequence.steps;
    std::size_t differing = steps.size();  // from here on all steps are common
    while (differing > first && (steps[differing - 1].is_common() || !this->box(steps[differing - 1]).meets(box)))
        --differing;
    Parts parts{{{}, region}};
    Found found;
    const auto add_found = [&](const Fates& fates, Bdd::Node packets) {
        if (packets != Bdd::kFalse && fates.before != fates.after)
            found.push_back({{sequence.direction, fates.before.outcome, fates.after.outcome}, packets});
    };
    for (std::size_t at = 0; at < steps.size() && !parts.empty() && !bdd.spent(); ++at) {
        const Step& step = steps[at];
        if (at == differing)
            std::erase_if(parts, [](const auto& part) { return part.first.before == part.first.after; });
        if (!matters(step) || (at < first && (!step.is_common() || rule(step).decides()))) continue;
        if (!this->box(step).meets(box)) continue;
        const Bdd::Node matches = match(step);
        Parts left;
        const auto keep = [&](const Fates& fates, Bdd::Node packets) {
            if (packets == Bdd::kFalse) return;
            if (fates.before.is_decided && fates.after.is_decided) return add_found(fates, packets);
            Bdd::Node& known = left.try_emplace(fates, Bdd::kFalse).first->second;
            known = bdd.either(known, packets);
        };
        for (const auto& [fates, packets] : parts) {
            const Bdd::Node hit = bdd.both(packets, matches);
            keep(fates, hit == Bdd::kFalse ? packets : bdd.without(packets, hit));
            Fates changed = fates;
            if (step.before != kNone) meet(changed.before, rule(step), joint_rule(step).alerts);
            if (step.after != kNone) meet(changed.after, rule(step), joint_rule(step).alerts);
            keep(changed, hit);
        }
        parts = std::move(left);
    }
    const Bdd::Node malformed = universe_.present_bit(WEIR_IS_MALFORMED);
    for (const auto& [fates, packets] : parts) {
        const auto end = [&, &open = fates](Outcome::By by, Bdd::Node those) {
            Fates ended = open;
            for (auto& [side, fate] : {std::pair(&before_, &ended.before), std::pair(&after_, &ended.after)})
                if (!fate->is_decided) *fate = {true, last(*side, sequence.direction, by, fate->outcome.alerts)};
            add_found(ended, those);
        };
        const bool is_out = sequence.direction == packet::Direction::kOut;
        if (!is_out) end(Outcome::By::kMalformed, bdd.both(packets, malformed));
        end(Outcome::By::kDefault, is_out ? packets : bdd.without(packets, malformed));
    }
    return found;
}

// Adds to the classes what differs. False where the bounds were reached: then nothing was added.
bool PolicyDiff::take(const Found& found, Bdd::Node around) {
    Bdd& bdd = sets_.bdd();
    std::map<Key, Class> added;
    for (const auto& [key, packets] : found) {
        const Bdd::Node part = bdd.both(coherent_, packets);
        if (part == Bdd::kFalse) continue;
        const auto known = found_.find(key);
        Class& one = added.try_emplace(key, known == found_.end() ? Class() : known->second).first->second;
        one = {bdd.either(one.packets, part), bdd.either(one.around, around)};
    }
    if (bdd.spent()) return false;
    for (const auto& [key, one] : added) found_[key] = one;
    return true;
}

void PolicyDiff::compare_region(const Sequence& sequence, std::size_t first, Bdd::Node region, const RuleBox& box,
                                const std::string& name) {
    Bdd& bdd = sets_.bdd();
    const Bdd::Node around = region;
    Found found;
    if (!bdd.spent()) region = unsettled(sequence, first, region, box);
    if (!bdd.spent()) found = walk(sequence, first, region, box);
    if (bdd.spent() || !take(found, around)) unjudged_.push_back(name);
}

// Of a packet that changes, either a rule that is not common matches it, or none decides it: each such rule has the
// packets that none of them before it matches.
void PolicyDiff::compare(const Sequence& sequence) {
    for (std::size_t at = 0; at < sequence.steps.size(); ++at) {
        const Step& step = sequence.steps[at];
        if (!step.is_common() && matters(step)) compare_region(sequence, at, match(step), box(step), rule(step).name);
    }
    const auto differs = [&](Outcome::By by) {
        return last(before_, sequence.direction, by, {}) != last(after_, sequence.direction, by, {});
    };
    if (differs(Outcome::By::kDefault) || differs(Outcome::By::kMalformed))
        compare_region(sequence, sequence.steps.size(), sets_.going(sequence.direction), {}, "default");
}

void PolicyDiff::order_classes() {
    const auto place = [](const Side& side, const Outcome& outcome) {
        if (outcome.by != Outcome::By::kRule) return side.policy.rules.size();
        const auto& rules = side.policy.rules;
        return static_cast<std::size_t>(
            std::find_if(rules.begin(), rules.end(),
                         [&](const policy::Rule& rule) { return rule.name == outcome.rule; }) -
            rules.begin());
    };
    std::vector<std::pair<std::vector<std::size_t>, DiffClass>> ordered;
    for (const auto& [key, found] : found_)
        ordered.push_back(
            {{static_cast<std::size_t>(key.direction), place(after_, key.after), place(before_, key.before)},
             {key.direction, key.before, key.after, found.packets, found.around}});
    std::stable_sort(ordered.begin(), ordered.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (auto& [at, one] : ordered) classes_.push_back(std::move(one));
    found_.clear();
}

}  // namespace weir::analysis
