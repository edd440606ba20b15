// Tested by tests/unit/analysis/policy_diff_test.cpp.
#include "compiler/analysis/policy_diff.h"

#include <algorithm>
#include <iterator>
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

// What is left of a region on its way through the rules, by the alerts that were raised.
using Parts = std::map<std::vector<std::string>, Bdd::Node>;

std::vector<std::string> with(std::vector<std::string> alerts, const std::vector<std::string>& more) {
    alerts.insert(alerts.end(), more.begin(), more.end());
    std::sort(alerts.begin(), alerts.end());
    return alerts;
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
        side->is_common.resize(side->rules.size());
    }
    find_terms();
    for (const packet::Direction direction : packet::kDirections) {
        pair_rules(direction);
        compare(direction);
    }
    order_classes();
}

// Common are rules that do the same and stand in the same order, as many as can be (a longest increasing subsequence:
// no key occurs twice in a policy, since names do not). A packet that no other rule matches meets the same rules in
// both policies.
void PolicyDiff::pair_rules(packet::Direction direction) {
    std::unordered_map<std::string, std::size_t> place;
    for (std::size_t i = 0; i < before_.rules.size(); ++i)
        if (before_.policy.rules[i].direction == direction) place.emplace(before_.rules[i].key, i);
    constexpr std::size_t kNone = ~std::size_t{0};
    struct Link {
        std::size_t before, after, previous;
    };
    std::vector<Link> links;
    std::vector<std::size_t> tails;  // by length less one: the link that ends such a sequence with the smallest place
    for (std::size_t i = 0; i < after_.rules.size(); ++i) {
        if (after_.policy.rules[i].direction != direction) continue;
        const auto found = place.find(after_.rules[i].key);
        if (found == place.end()) continue;
        const auto tail = std::lower_bound(tails.begin(), tails.end(), found->second,
                                           [&](std::size_t link, std::size_t at) { return links[link].before < at; });
        links.push_back({found->second, i, tail == tails.begin() ? kNone : *(tail - 1)});
        if (tail == tails.end())
            tails.push_back(links.size() - 1);
        else
            *tail = links.size() - 1;
    }
    for (std::size_t link = tails.empty() ? kNone : tails.back(); link != kNone; link = links[link].previous)
        before_.is_common[links[link].before] = after_.is_common[links[link].after] = true;
}

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
Bdd::Node PolicyDiff::match(Side& side, std::size_t rule) {
    if (side.matches[rule]) return *side.matches[rule];
    const JointRule& joint = side.rules[rule];
    const policy::Rule& typed = side.policy.rules[rule];
    Bdd& bdd = sets_.bdd();
    Bdd::Node all = sets_.of(joint.condition);
    for (std::size_t i = 0; i < joint.terms.size(); ++i) {
        const policy::StateTerm& term = typed.terms[i];
        const Bdd::Node above = universe_.opaque("state of " + joint.terms[i]);
        for (const policy::KeyField& key : term.keys) all = bdd.both(all, sets_.having(key.field));
        if (term.value) all = bdd.both(all, sets_.having(term.value->field));
        all = term.within ? bdd.without(all, above) : bdd.both(all, above);
    }
    if (!bdd.spent()) side.matches[rule] = all;
    return all;
}

Outcome PolicyDiff::last(const Side& side, packet::Direction direction, Outcome::By by,
                         std::vector<std::string> alerts) const {
    const policy::Verdict verdict = side.policy.last_verdict(direction, by == Outcome::By::kMalformed);
    return {verdict.kind, verdict.interface, by, {}, std::move(alerts)};
}

// What the policy says of the packets of a region. kUndecided: no common rule that decides has one of them.
PolicyDiff::Outcomes PolicyDiff::walk(Side& side, packet::Direction direction, Bdd::Node region, const RuleBox& box,
                                      Through through) {
    Bdd& bdd = sets_.bdd();
    Outcomes outcomes;
    Parts parts{{{}, region}};
    const auto add = [&](Outcome outcome, Bdd::Node packets) {
        if (packets == Bdd::kFalse) return;
        Bdd::Node& known = outcomes.try_emplace(std::move(outcome), Bdd::kFalse).first->second;
        known = bdd.either(known, packets);
    };
    for (std::size_t i = 0; i < side.rules.size() && !parts.empty() && !bdd.spent(); ++i) {
        const policy::Rule& rule = side.policy.rules[i];
        const JointRule& joint = side.rules[i];
        if (rule.direction != direction || (!rule.decides() && joint.alerts.empty())) continue;
        if (through == Through::kUndecided && side.is_common[i] && rule.decides() && !rule.has_state()) continue;
        if (!side.boxes[i].meets(box)) continue;
        const Bdd::Node matches = match(side, i);
        Parts left;
        for (const auto& [alerts, packets] : parts) {
            const Bdd::Node hit = bdd.both(packets, matches);
            const Bdd::Node missed = hit == Bdd::kFalse ? packets : bdd.without(packets, hit);
            if (rule.decides())
                add({rule.verdict->kind, rule.verdict->interface, Outcome::By::kRule, rule.name,
                     with(alerts, joint.alerts)},
                    hit);
            for (const auto& [key, part] : {std::pair(alerts, missed), std::pair(with(alerts, joint.alerts), hit)}) {
                if (part == Bdd::kFalse || (rule.decides() && part == hit)) continue;
                Bdd::Node& known = left.try_emplace(key, Bdd::kFalse).first->second;
                known = bdd.either(known, part);
            }
        }
        parts = std::move(left);
    }
    const Bdd::Node malformed = universe_.present_bit(WEIR_IS_MALFORMED);
    for (const auto& [alerts, packets] : parts) {
        if (direction == packet::Direction::kOut) {
            add(last(side, direction, Outcome::By::kDefault, alerts), packets);
            continue;
        }
        add(last(side, direction, Outcome::By::kMalformed, alerts), bdd.both(packets, malformed));
        add(last(side, direction, Outcome::By::kDefault, alerts), bdd.without(packets, malformed));
    }
    return outcomes;
}

// Adds to the classes what differs. False where the bounds were reached: then nothing was added.
bool PolicyDiff::take(packet::Direction direction, Outcomes before, Outcomes after) {
    Bdd& bdd = sets_.bdd();
    for (auto& [outcome, packets] : before) {
        const auto other = after.find(outcome);
        if (other == after.end()) continue;
        const Bdd::Node same = bdd.both(packets, other->second);
        packets = bdd.without(packets, same);
        other->second = bdd.without(other->second, same);
    }
    std::vector<std::pair<Key, Bdd::Node>> found;
    for (const auto& [from, packets] : before) {
        Bdd::Node left = packets;
        for (const auto& [to, others] : after) {
            if (left == Bdd::kFalse) break;
            const Bdd::Node part = bdd.both(coherent_, bdd.both(left, others));
            if (part == Bdd::kFalse) continue;
            left = bdd.without(left, part);
            const Key key{direction, from, to};
            const auto known = found_.find(key);
            found.emplace_back(key, known == found_.end() ? part : bdd.either(known->second, part));
        }
    }
    if (bdd.spent()) return false;
    for (auto& [key, packets] : found) found_[key] = packets;
    return true;
}

void PolicyDiff::compare_region(packet::Direction direction, Bdd::Node region, const RuleBox& box, Through through,
                                const std::string& name) {
    Outcomes before, after;
    if (region != Bdd::kFalse && !sets_.bdd().spent()) {
        before = walk(before_, direction, region, box, through);
        after = walk(after_, direction, region, box, through);
    }
    if (sets_.bdd().spent() || !take(direction, std::move(before), std::move(after))) unjudged_.push_back(name);
}

// The packets that no rule without state decides. Halves are joined, so that what is in many rules costs little.
Bdd::Node PolicyDiff::undecided(Side& side, packet::Direction direction) {
    Bdd& bdd = sets_.bdd();
    std::vector<Bdd::Node> decided;
    for (std::size_t i = 0; i < side.rules.size() && !bdd.spent(); ++i) {
        const policy::Rule& rule = side.policy.rules[i];
        if (rule.direction == direction && rule.decides() && !rule.has_state()) decided.push_back(match(side, i));
    }
    while (decided.size() > 1) {
        for (std::size_t i = 0; i < decided.size() / 2; ++i)
            decided[i] = bdd.either(decided[2 * i], decided[2 * i + 1]);
        if (decided.size() % 2 == 1) decided[decided.size() / 2] = decided.back();
        decided.resize((decided.size() + 1) / 2);
    }
    return decided.empty() ? sets_.all() : bdd.without(sets_.all(), decided.front());
}

void PolicyDiff::compare_defaults(packet::Direction direction) {
    Bdd& bdd = sets_.bdd();
    bool differ = false;
    for (const Outcome::By by : {Outcome::By::kDefault, Outcome::By::kMalformed})
        differ = differ || last(before_, direction, by, {}) != last(after_, direction, by, {});
    if (!differ) return;
    const Bdd::Node region = bdd.either(undecided(before_, direction), undecided(after_, direction));
    compare_region(direction, region, {}, Through::kUndecided, "default");
}

void PolicyDiff::compare(packet::Direction direction) {
    compare_defaults(direction);
    for (Side* side : {&before_, &after_})
        for (std::size_t i = 0; i < side->rules.size(); ++i) {
            const policy::Rule& rule = side->policy.rules[i];
            if (rule.direction != direction || side->is_common[i]) continue;
            if (!rule.decides() && side->rules[i].alerts.empty()) continue;
            const Bdd::Node region = match(*side, i);
            compare_region(direction, region, side->boxes[i], Through::kAll, rule.name);
        }
    std::sort(unjudged_.begin(), unjudged_.end());
    unjudged_.erase(std::unique(unjudged_.begin(), unjudged_.end()), unjudged_.end());
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
    for (const auto& [key, packets] : found_)
        ordered.push_back(
            {{static_cast<std::size_t>(key.direction), place(after_, key.after), place(before_, key.before)},
             {key.direction, key.before, key.after, packets}});
    std::stable_sort(ordered.begin(), ordered.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (auto& [at, one] : ordered) classes_.push_back(std::move(one));
    found_.clear();
}

}  // namespace weir::analysis
