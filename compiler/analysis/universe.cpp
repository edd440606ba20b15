// Tested by tests/unit/analysis/packet_sets_test.cpp.
#include "compiler/analysis/universe.h"

#include <algorithm>
#include <set>

#include "bpf/abi.h"
#include "compiler/policy/reads.h"

namespace weir::analysis {
namespace {

constexpr std::uint32_t kNoPlace = 0xffffffff;
constexpr std::uint64_t kAll = ~std::uint64_t{0};

// What most rules speak of stands first: sets that agree at the top share what is below.
constexpr packet::FieldId kOrder[] = {
    packet::FieldId::kIpProto,  packet::FieldId::kEthType, packet::FieldId::kIpVersion, packet::FieldId::kTcpDport,
    packet::FieldId::kTcpFlags, packet::FieldId::kIpDst,   packet::FieldId::kIpSrc,     packet::FieldId::kTcpSport};

// Where the word of presence with that bit is.
std::size_t present_offset(std::uint32_t bit) {
    if (bit < packet::kInnerPresent) return offsetof(weir_packet, present) + 4 * WEIR_PRESENT_WORD(bit);
    if (bit >= packet::kFlowPresent) return WEIR_FLOW_OFFSET + offsetof(weir_flow_view, present);
    return WEIR_INSIDE_OFFSET + offsetof(weir_inside, inner.present) +
           4 * WEIR_PRESENT_WORD(bit - packet::kInnerPresent);
}

// Members of struct weir_packet, by offset, that some policy compares with one another.
class Compared {
public:
    void take(const policy::TypedPolicy& policy) {
        for (const policy::Expr& expr : policy.exprs) {
            const std::vector<packet::FieldId> fields = policy::compared_fields(expr);
            const bool is_comparison = std::holds_alternative<policy::NumberCompare>(expr.node) ||
                                       std::holds_alternative<policy::AddressCompare>(expr.node) ||
                                       std::holds_alternative<policy::MacCompare>(expr.node);
            if (is_comparison) join(packet::offset(fields[0]), packet::offset(fields[1]));
        }
    }
    // A fact that compares sums of lengths, of which the policies read all.
    void take(const packet::Fact& fact) {
        for (const packet::FactPart& part : fact.then)
            for (const packet::FieldId other : part.others) join(packet::offset(part.field), packet::offset(other));
    }
    // All that are compared with this one, itself among them.
    std::vector<std::uint16_t> with(std::uint16_t offset) const {
        for (const std::vector<std::uint16_t>& group : groups_)
            if (std::find(group.begin(), group.end(), offset) != group.end()) return group;
        return {offset};
    }

private:
    void join(std::uint16_t a, std::uint16_t b) {
        std::vector<std::uint16_t> joined = with(a);
        for (const std::uint16_t other : with(b))
            if (std::find(joined.begin(), joined.end(), other) == joined.end()) joined.push_back(other);
        std::erase_if(groups_, [&](const std::vector<std::uint16_t>& group) {
            return std::find(joined.begin(), joined.end(), group[0]) != joined.end();
        });
        groups_.push_back(std::move(joined));
    }
    std::vector<std::vector<std::uint16_t>> groups_;
};

}  // namespace

Universe::Universe(const std::vector<const policy::TypedPolicy*>& policies)
    : has_egress_(std::any_of(policies.begin(), policies.end(), [](const auto* one) { return one->has_egress(); })) {
    packet::FieldSet reads;
    for (const policy::TypedPolicy* policy : policies) {
        const packet::FieldSet those = policy::fields_read(*policy);
        for (const packet::Layer layer : {packet::Layer::kOuter, packet::Layer::kInner})
            for (const packet::Field& f : packet::fields())
                if (const auto id = packet::field_id(layer, packet::row_of(f.id)); those.contains(id)) reads.add(id);
    }
    const std::vector<const packet::Fact*> facts = facts_of(reads);
    place_variables(policies, facts);
    possible_ = possible_packets(reads);
    for (const packet::Fact* fact : facts) {
        Bdd::Node never = Bdd::kTrue;
        for (const packet::FactPart& part : fact->when) never = bdd_.both(never, holds(part));
        for (const packet::FactPart& part : fact->then) never = bdd_.without(never, holds(part));
        facts_.push_back(bdd_.complement(never));
    }
}

// ---- variables ----

// Presence first, then the members in their order. The bits of members that are compared stand by turns, the highest
// first: how two numbers compare is then small.
void Universe::place_variables(const std::vector<const policy::TypedPolicy*>& policies,
                               const std::vector<const packet::Fact*>& facts) {
    Compared compared;
    for (const policy::TypedPolicy* policy : policies) compared.take(*policy);
    for (const packet::Fact* fact : facts) compared.take(*fact);
    first_bit_.assign(WEIR_INSIDE_OFFSET + sizeof(weir_scratch), kNoPlace);
    std::vector<std::uint32_t> bits_of(first_bit_.size(), 0);
    std::vector<std::uint16_t> order;
    const auto begin = [&](std::size_t offset, std::uint32_t bits) {
        first_bit_[offset] = static_cast<std::uint32_t>(variable_.size());
        bits_of[offset] = bits;
        variable_.resize(variable_.size() + bits, kNoBit);
    };
    const auto find = [&](packet::FieldId id) {
        const std::uint16_t offset = packet::offset(id);
        if (!packet::is_supported(id) || first_bit_[offset] != kNoPlace) return;
        begin(offset, packet::field(id).size * 8u);
        order.push_back(offset);
    };
    Bdd::Variable next = 0;
    for (std::uint32_t bit = 0; bit < packet::kAllPresent; bit += 32) {
        begin(present_offset(bit), 32);
        for (std::uint32_t i = 0; i < 32; ++i) variable_[first_bit_[present_offset(bit)] + i] = next++;
    }
    for (const packet::FieldId id : kOrder) find(id);
    for (const packet::Layer layer : {packet::Layer::kOuter, packet::Layer::kInner})
        for (const packet::Field& f : packet::fields())
            if (layer == packet::Layer::kOuter || f.layers == packet::Layers::kBoth)
                find(packet::field_id(layer, packet::row_of(f.id)));
    for (const std::uint16_t offset : order) {
        if (variable_[first_bit_[offset]] != kNoBit) continue;  // with another that it is compared with
        std::vector<std::uint16_t> group = compared.with(offset);
        std::uint32_t widest = 0;
        for (const std::uint16_t member : group) widest = std::max(widest, bits_of[member]);
        // Numbers end together; an IPv4 address stands in the first bits of a longer one.
        const bool ends_together = widest <= 64;
        for (std::uint32_t i = 0; i < widest; ++i)
            for (const std::uint16_t member : group) {
                const std::uint32_t skipped = ends_together ? widest - bits_of[member] : 0;
                if (i >= skipped && i - skipped < bits_of[member]) variable_[first_bit_[member] + i - skipped] = next++;
            }
    }
    out_ = next;
}

Bdd::Variable Universe::present_variable(std::uint32_t bit) const {
    return variable_[first_bit_[present_offset(bit)] + 31 - bit % 32];
}

Bdd::Node Universe::direction(packet::Direction way) {
    if (!has_egress_) return Bdd::kTrue;
    const Bdd::Node out = bdd_.variable(out_);
    return way == packet::Direction::kOut ? out : bdd_.complement(out);
}

// Packets on their way out have been in no receive queue.
Bdd::Node Universe::present(packet::FieldId id) {
    const Bdd::Node has = present_bit(packet::present_bit(id));
    return id == packet::FieldId::kRxQueue && has_egress_ ? bdd_.without(has, bdd_.variable(out_)) : has;
}

bool Universe::has(const Point& point, packet::FieldId id) const {
    if (id == packet::FieldId::kRxQueue && has_egress_ && point[out_]) return false;
    return point[present_variable(packet::present_bit(id))];
}

Universe::Bits Universe::bits(packet::FieldId id, std::uint64_t mask) const {
    const packet::Field& f = packet::field(id);
    Bits bits(64, kNoBit);
    for (std::uint32_t bit = 0; bit + f.shift < f.size * 8u && bit < 64; ++bit)
        if ((f.mask & mask) >> bit & 1)
            bits[63 - bit] = variable_[first_bit_[packet::offset(id)] + f.size * 8u - 1 - (bit + f.shift)];
    return bits;
}

Universe::Bits Universe::address_bits(packet::FieldId id, std::size_t width) const {
    const auto first = variable_.begin() + first_bit_[packet::offset(id)];
    return {first, first + static_cast<std::ptrdiff_t>(width)};
}

Bdd::Variable Universe::opaque_variable(const std::string& text) {
    const Bdd::Variable next = variables();
    const auto [at, is_new] = opaque_.emplace(text, next);
    if (is_new) opaque_texts_.push_back(&at->first);
    return at->second;
}

const std::string* Universe::opaque_text(Bdd::Variable variable) const {
    return variable > out_ && variable < variables() ? opaque_texts_[variable - out_ - 1] : nullptr;
}

// ---- possible packets ----

// Bits of presence that the policies speak of, themselves or by what follows.
packet::PresentBits Universe::bits_read(const packet::FieldSet& reads) {
    packet::PresentBits read;
    for (const packet::Layer layer : {packet::Layer::kOuter, packet::Layer::kInner})
        for (const packet::Field& f : packet::fields())
            if (const packet::FieldId id = packet::field_id(layer, packet::row_of(f.id)); reads.contains(id)) {
                read |= packet::implied({{packet::present_bit(id)}, {}}).ones;
                if (const auto bit = packet::flag_bit(id)) read |= packet::implied({{*bit}, {}}).ones;
            }
    constexpr std::uint32_t kHeaders = 32;  // bits of the first word: always
    for (std::uint32_t bit = 0; bit < kHeaders; ++bit) read.add(bit);
    for (const packet::PresenceFact& fact : packet::presence_facts())
        if (fact.bit >= kHeaders && read.has(fact.bit))
            for (std::uint32_t bit = 0; bit < packet::kAllPresent; ++bit)
                if (fact.one_of.has(bit)) read |= packet::implied({{bit}, {}}).ones;
    return read;
}

// What the reader of packets guarantees. Each fact makes more rules comparable; leaving one out is no fault. Only those
// of what the policies read: the others would make all sets larger.
Bdd::Node Universe::possible_packets(const packet::FieldSet& reads) {
    const packet::PresentBits read = bits_read(reads);
    Bdd::Node all = present_bit(WEIR_HAS_ALWAYS);
    for (const packet::PresenceFact& fact : packet::presence_facts()) {
        if (!read.has(fact.bit)) continue;
        Bdd::Node then = fact.one_of.empty() ? Bdd::kTrue : Bdd::kFalse;
        for (std::uint32_t bit = 0; bit < packet::kAllPresent; ++bit)
            if (fact.one_of.has(bit)) then = bdd_.either(then, present_bit(bit));
        for (std::uint32_t bit = 0; bit < packet::kAllPresent; ++bit) {
            if (fact.follows.has(bit)) then = bdd_.both(then, present_bit(bit));
            if (fact.never.has(bit)) then = bdd_.without(then, present_bit(bit));
        }
        if (fact.value)
            then =
                bdd_.both(then, number_in(bits(fact.value->first, kAll), {{fact.value->second, fact.value->second}}));
        all = bdd_.without(all, bdd_.without(present_bit(fact.bit), then));
    }
    return all;
}

// The facts that speak of nothing but what the policies read.
std::vector<const packet::Fact*> Universe::facts_of(const packet::FieldSet& reads) {
    const packet::PresentBits read = bits_read(reads);
    // Members may have several names: the ports of TCP are those of UDP.
    std::set<std::pair<std::uint16_t, std::uint64_t>> members;
    const auto member = [](packet::FieldId id) {
        return std::pair(packet::offset(id), packet::field(id).mask << packet::field(id).shift);
    };
    for (const packet::Layer layer : {packet::Layer::kOuter, packet::Layer::kInner})
        for (const packet::Field& f : packet::fields())
            if (const auto id = packet::field_id(layer, packet::row_of(f.id)); reads.contains(id))
                members.insert(member(id));
    const auto is_member = [&](packet::FieldId id) { return members.contains(member(id)); };
    const auto is_read = [&](const packet::FactPart& part) {
        using Kind = packet::FactPart::Kind;
        if (part.kind == Kind::kComesIn) return true;
        if (part.kind == Kind::kHas || part.kind == Kind::kLacks) return read.has(part.bit);
        return is_member(part.field) && std::all_of(part.others.begin(), part.others.end(), is_member);
    };
    std::vector<const packet::Fact*> facts;
    for (const packet::Fact& fact : packet::facts())
        if (std::all_of(fact.when.begin(), fact.when.end(), is_read) &&
            std::all_of(fact.then.begin(), fact.then.end(), is_read))
            facts.push_back(&fact);
    return facts;
}

Bdd::Node Universe::holds(const packet::FactPart& part) {
    using Kind = packet::FactPart::Kind;
    switch (part.kind) {
        case Kind::kHas: return present_bit(part.bit);
        case Kind::kLacks: return bdd_.complement(present_bit(part.bit));
        case Kind::kNumber: return number_in(bits(part.field, part.mask), {{part.first, part.last}});
        case Kind::kAtLeast:
        case Kind::kAtMost: return sum_holds(part);
        case Kind::kComesIn: break;
    }
    return has_egress_ ? bdd_.complement(bdd_.variable(out_)) : Bdd::kTrue;
}

// How the value of a field compares with the sum of others: with all bits of one weight side by side few sums are still
// open after each.
Bdd::Node Universe::sum_holds(const packet::FactPart& part) {
    const bool is_least = part.kind == packet::FactPart::Kind::kAtLeast;
    Sum sum;
    const auto add = [&](packet::FieldId id, std::int64_t sign) {
        const Bits value = bits(id, kAll);
        for (std::size_t i = 0; i < value.size(); ++i)
            if (value[i] != kNoBit) sum.terms.push_back({value[i], sign * (std::int64_t{1} << (63 - i)), 0, 0});
    };
    add(part.field, is_least ? 1 : -1);
    for (const packet::FieldId other : part.others) add(other, is_least ? -1 : 1);
    std::sort(sum.terms.begin(), sum.terms.end(),
              [](const Sum::Term& a, const Sum::Term& b) { return a.variable < b.variable; });
    std::int64_t least = 0, most = 0;
    for (auto term = sum.terms.rbegin(); term != sum.terms.rend(); ++term) {
        (term->weight < 0 ? least : most) += term->weight;
        term->least = least;
        term->most = most;
    }
    const auto bytes = static_cast<std::int64_t>(part.first);
    return not_negative(sum, 0, is_least ? -bytes : bytes);
}

Bdd::Node Universe::not_negative(Sum& sum, std::size_t at, std::int64_t value) {
    if (at == sum.terms.size()) return value >= 0 ? Bdd::kTrue : Bdd::kFalse;
    const Sum::Term& term = sum.terms[at];
    if (value + term.least >= 0) return Bdd::kTrue;
    if (value + term.most < 0) return Bdd::kFalse;
    const auto known = sum.known.find({at, value});
    if (known != sum.known.end()) return known->second;
    const Bdd::Node low = not_negative(sum, at + 1, value);
    const Bdd::Node high = not_negative(sum, at + 1, value + term.weight);
    return sum.known[{at, value}] = bdd_.choice(term.variable, low, high);
}

// Entering one set may leave another: all are looked at again.
Bdd::Node Universe::make_possible(Point& point) const {
    constexpr int kTries = 8;
    Bdd::Node last = Bdd::kTrue;  // that it was not in
    const auto can_enter = [&](Bdd::Node set) {
        if (bdd_.contains(set, point)) return true;
        last = set;
        return bdd_.enter_by_open(set, point);
    };
    for (int i = 0; i < kTries; ++i) {
        last = Bdd::kTrue;
        if (!can_enter(possible_) || !std::all_of(facts_.begin(), facts_.end(), can_enter)) return last;
        if (last == Bdd::kTrue) break;
    }
    return last;
}

void Universe::assume_facts() {
    for (const Bdd::Node fact : facts_) {
        const Bdd::Node all = bdd_.both(possible_, fact);
        if (bdd_.spent()) return;
        possible_ = all;
    }
}

// ---- ranges ----

// Of the values that agree with `base` in the bits before `at`, those in the ranges, which are sorted and disjoint and
// each of which has such a value.
Bdd::Node Universe::in_ranges(const Bits& bits, std::size_t at, policy::WideValue base,
                              std::span<const WideRange> ranges) {
    if (ranges.empty()) return Bdd::kFalse;
    const std::size_t rest = bits.size() - at;  // bits that are still open
    policy::WideValue end = base;
    if (rest > 64) end.high |= ~std::uint64_t{0} >> (128 - rest);
    if (rest > 0) end.low |= rest >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << rest) - 1;
    if (ranges[0].first <= base && end <= ranges[0].second) return Bdd::kTrue;
    policy::WideValue middle = base;  // the first value whose next bit is one
    (rest > 64 ? middle.high : middle.low) |= std::uint64_t{1} << ((rest - 1) % 64);
    const auto behind = std::partition_point(ranges.begin(), ranges.end(),
                                             [&](const WideRange& range) { return range.first < middle; });
    const auto begin = std::partition_point(ranges.begin(), ranges.end(),
                                            [&](const WideRange& range) { return range.second < middle; });
    const Bdd::Node low = in_ranges(bits, at + 1, base, {ranges.begin(), behind});
    if (bits[at] == kNoBit) return low;
    return bdd_.choice(bits[at], low, in_ranges(bits, at + 1, middle, {begin, ranges.end()}));
}

Bdd::Node Universe::number_in(const Bits& bits, const policy::Ranges& ranges) {
    std::vector<WideRange> wide;
    wide.reserve(ranges.size());
    for (const auto& [first, last] : ranges) wide.push_back({{0, first}, {0, last}});
    return in_ranges(bits, 0, {}, wide);
}

Bdd::Node Universe::address_in(packet::FieldId id, const std::vector<IpRange>& ranges) {
    const bool both_versions = packet::field(id).size == 16;  // else IPv4 alone
    std::vector<WideRange> v4, v6;
    for (const IpRange& range : ranges)
        (range.first.version == 4 ? v4 : v6)
            .emplace_back(policy::wide_value(range.first), policy::wide_value(range.last));
    Bdd::Node in = in_ranges(address_bits(id, 32), 0, {}, v4);
    if (!both_versions) return in;
    const std::uint32_t layer = packet::layer_of(id) == packet::Layer::kOuter ? 0 : packet::kInnerPresent;
    in = bdd_.both(present_bit(layer + WEIR_HAS_IP4), in);
    return bdd_.either(in, bdd_.both(present_bit(layer + WEIR_HAS_IP6), in_ranges(address_bits(id, 128), 0, {}, v6)));
}

}  // namespace weir::analysis
