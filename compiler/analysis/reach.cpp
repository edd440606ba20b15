// Tested by tests/unit/analysis/reach_test.cpp.
#include "compiler/analysis/reach.h"

#include <algorithm>

namespace weir::analysis {
namespace {

constexpr std::size_t kStepsOfComparisons = std::size_t{1} << 26;

}  // namespace

Reach::Scope::Scope(Reach& reach, std::size_t steps)
    : reach_(reach), mark_(reach.bdd().mark()), begin_(reach.bdd().steps()) {
    reach_.bdd().allow(std::min(steps, reach_.left_ / 16 + reach_.share_));
}

Reach::Scope::~Scope() {
    reach_.left_ -= std::min(reach_.left_, reach_.bdd().steps() - begin_);
    reach_.matches_.clear();
    reach_.sets_.forget();
    reach_.bdd().release(mark_);
    reach_.bdd().allow(Bdd::kMaxSteps);
}

Reach::Reach(PacketSets& sets, const policy::TypedPolicy& policy)
    : sets_(sets),
      policy_(policy),
      unknown_(policy.rules.size()),
      comparison_(policy.exprs.size(), Bdd::kFalse),
      share_(kAllSteps / 4 / (policy.rules.size() + 1)) {
    Universe& universe = sets_.universe();
    for (const packet::Direction direction : packet::kDirections) universe.direction(direction);
    const bool is_void = spent();
    bdd().allow(kStepsOfComparisons);
    for (std::size_t i = 0; i < policy_.rules.size(); ++i) {
        unknown_[i] = is_void || !prepare(policy_.rules[i].condition);
        outlines_.push_back(outline_of(policy_, policy_.rules[i]));
        for (std::size_t place = 0; place < kPlaces; ++place)
            intervals_[place].push_back(outlines_.back().places[place]);
    }
    bdd().allow(Bdd::kMaxSteps);
    sets_.relate_texts();
    bdd().allow(Bdd::kMaxSteps);
    sets_.keep();
    constexpr std::uint64_t kAll = ~std::uint64_t{0};
    place_bits_ = {universe.address_bits(packet::FieldId::kIpDst, 64),
                   universe.address_bits(packet::FieldId::kIpSrc, 64), universe.bits(packet::FieldId::kPortDst, kAll),
                   universe.bits(packet::FieldId::kPortSrc, kAll)};
    for (std::uint32_t bit = 0; bit < 32; ++bit) present_bits_[bit] = universe.present_variable(bit);
}

// The sets of all comparisons of a condition. False where one is too large.
bool Reach::prepare(policy::ExprId id) {
    const auto& node = policy_.expr(id).node;
    const auto all = [this](const std::vector<policy::ExprId>& operands) {
        return std::all_of(operands.begin(), operands.end(), [this](policy::ExprId one) { return prepare(one); });
    };
    if (const auto* both = std::get_if<policy::And>(&node)) return all(both->operands);
    if (const auto* any = std::get_if<policy::Or>(&node)) return all(any->operands);
    if (const auto* negated = std::get_if<policy::Not>(&node)) return prepare(negated->operand);
    comparison_[static_cast<std::size_t>(id)] = sets_.raw(id);
    return !spent();
}

Bdd::Node Reach::matches(RuleNumber rule) {
    const auto at = std::lower_bound(matches_.begin(), matches_.end(), rule,
                                     [](const auto& known, RuleNumber number) { return known.first < number; });
    if (at != matches_.end() && at->first == rule) return at->second;
    const auto place = at - matches_.begin();
    const Bdd::Node set = sets_.raw_matches(policy_.rules[rule]);
    matches_.insert(matches_.begin() + place, {rule, set});
    return set;
}

// ---- single packets ----

bool Reach::holds(policy::ExprId id, const Point& point) const {
    const auto& node = policy_.expr(id).node;
    const auto one = [&](policy::ExprId operand) { return holds(operand, point); };
    if (const auto* all = std::get_if<policy::And>(&node))
        return std::all_of(all->operands.begin(), all->operands.end(), one);
    if (const auto* any = std::get_if<policy::Or>(&node))
        return std::any_of(any->operands.begin(), any->operands.end(), one);
    if (const auto* negated = std::get_if<policy::Not>(&node)) return !holds(negated->operand, point);
    return sets_.bdd().contains(comparison_[static_cast<std::size_t>(id)], point);
}

bool Reach::holds(RuleNumber rule, const Point& point) const {
    const auto has = [&](const policy::KeyField& key) { return sets_.universe().has(point, key.field); };
    for (const policy::StateTerm& term : policy_.rules[rule].terms)
        if (!std::all_of(term.keys.begin(), term.keys.end(), has) || (term.value && !has(*term.value))) return false;
    return holds(policy_.rules[rule].condition, point);
}

std::uint64_t Reach::value(const std::vector<Bdd::Variable>& bits, const Point& point) const {
    std::uint64_t value = 0;
    for (const Bdd::Variable bit : bits)
        value = value << 1 | (bit != Universe::kNoBit && point[bit] ? std::uint64_t{1} : std::uint64_t{0});
    return value;
}

Reach::Key Reach::key_of(const Point& point) const {
    Key key;
    for (std::size_t place = 0; place < kPlaces; ++place) key.places[place] = value(place_bits_[place], point);
    for (std::uint32_t bit = 0; bit < 32; ++bit)
        if (point[present_bits_[bit]]) key.present |= 1u << bit;
    const bool is_out = sets_.universe().has_egress() && point[sets_.universe().out_variable()];
    key.direction = is_out ? packet::Direction::kOut : packet::Direction::kIn;
    return key;
}

RuleNumber Reach::first(const Point& point, RuleNumber begin, RuleNumber end, const RuleMarks& rules) {
    const Key key = key_of(point);
    for (RuleNumber rule = begin; rule < end; ++rule) {
        if (!intervals_[0][rule].has(key.places[0]) || !intervals_[1][rule].has(key.places[1]) ||
            !intervals_[2][rule].has(key.places[2]) || !intervals_[3][rule].has(key.places[3]))
            continue;
        const Outline& outline = outlines_[rule];
        if ((outline.ones & ~key.present) != 0 || (outline.zeros & key.present) != 0) continue;
        if (outline.direction != key.direction || !rules[rule] || unknown_[rule]) continue;
        if (holds(rule, point)) return rule;
    }
    return end;
}

std::vector<RuleNumber> Reach::near(const Outline& outline, RuleNumber begin, RuleNumber end) const {
    std::vector<RuleNumber> rules;
    for (RuleNumber other = begin; other < end; ++other)
        if (outline.meets(outlines_[other])) rules.push_back(other);
    return rules;
}

Reach::Found Reach::find(Bdd::Node packets, RuleNumber end, const RuleMarks& takers) {
    Found found;
    while (packets != Bdd::kFalse && !spent()) {
        point_.begin(++seed_, sets_.universe().variables());
        bdd().enter(packets, point_);
        const Bdd::Node bound = sets_.universe().make_possible(point_);
        if (bound != Bdd::kTrue) {
            found.bounds.push_back(bound);
            packets = bdd().both(packets, bound);
            continue;
        }
        found.is_possible = true;
        const RuleNumber taker = first(point_, 0, end, takers);
        if (taker == end) {
            found.exists = true;
            break;
        }
        const auto at = std::lower_bound(found.takers.begin(), found.takers.end(), taker);
        if (at == found.takers.end() || *at != taker) found.takers.insert(at, taker);
        packets = bdd().without(packets, matches(taker));
    }
    return found;
}

}  // namespace weir::analysis
