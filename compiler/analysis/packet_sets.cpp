// Tested by tests/unit/analysis/packet_sets_test.cpp.
#include "compiler/analysis/packet_sets.h"

#include <algorithm>

#include <fmt/format.h>

#include "bpf/abi.h"
#include "compiler/packet/fields.h"
#include "compiler/packet/presence.h"
#include "compiler/policy/reads.h"
#include "compiler/policy/set_element.h"

namespace weir::analysis {
namespace {

constexpr Bdd::Variable kNoBit = 0xffffffff;
constexpr Bdd::Variable kFirstOpaque = 1 << 16;  // above the bits of struct weir_packet
constexpr std::size_t kMaxSpeltEntries = 4096;   // of a literal set of tuples

// What most rules speak of stands first: sets that agree at the top share what is below.
constexpr packet::FieldId kOrder[] = {
    packet::FieldId::kIpProto,  packet::FieldId::kEthType, packet::FieldId::kIpVersion, packet::FieldId::kTcpDport,
    packet::FieldId::kTcpFlags, packet::FieldId::kIpDst,   packet::FieldId::kIpSrc,     packet::FieldId::kTcpSport};

constexpr std::uint64_t kAll = ~std::uint64_t{0};

// Where the word of presence with that bit is.
std::size_t present_offset(std::uint32_t bit) {
    if (bit < packet::kInnerPresent) return offsetof(weir_packet, present) + 4 * WEIR_PRESENT_WORD(bit);
    if (bit >= packet::kFlowPresent) return WEIR_FLOW_OFFSET + offsetof(weir_flow_view, present);
    return WEIR_INSIDE_OFFSET + offsetof(weir_inside, inner.present) +
           4 * WEIR_PRESENT_WORD(bit - packet::kInnerPresent);
}

}  // namespace

PacketSets::PacketSets(const policy::TypedPolicy& policy)
    : policy_(policy), first_variable_(WEIR_INSIDE_OFFSET + sizeof(weir_scratch), kNoBit) {
    Bdd::Variable next = 0;
    const auto place = [&](packet::FieldId id) {
        if (!packet::is_supported(id) || first_variable_[packet::offset(id)] != kNoBit) return;
        first_variable_[packet::offset(id)] = next;
        next += field(id).size * 8u;
    };
    for (std::uint32_t bit = 0; bit < packet::kAllPresent; bit += 32, next += 32)
        first_variable_[present_offset(bit)] = next;
    for (const packet::FieldId id : kOrder) place(id);
    for (const packet::Layer layer : {packet::Layer::kOuter, packet::Layer::kInner})
        for (const packet::Field& f : packet::fields())
            if (layer == packet::Layer::kOuter || f.layers == packet::Layers::kBoth)
                place(packet::field_id(layer, packet::row_of(f.id)));
    possible_ = possible_packets();
}

// What the reader of packets guarantees. Each fact makes more rules comparable; leaving one out is no fault. Of what is
// in the payload only what the policy reads: the others would make all sets larger.
Bdd::Node PacketSets::possible_packets() {
    const packet::FieldSet reads = policy::fields_read(policy_);
    packet::PresentBits read;
    for (const packet::Layer layer : {packet::Layer::kOuter, packet::Layer::kInner})
        for (const packet::Field& f : packet::fields())
            if (const packet::FieldId id = packet::field_id(layer, packet::row_of(f.id)); reads.contains(id)) {
                read |= packet::implied({{packet::present_bit(id)}, {}}).ones;
                if (const auto bit = packet::flag_bit(id)) read.add(*bit);
            }
    Bdd::Node all = present_bit(WEIR_HAS_ALWAYS);
    for (const packet::PresenceFact& fact : packet::presence_facts()) {
        constexpr std::uint32_t kHeaders = 32;  // bits of the first word
        if (fact.bit >= kHeaders && !read.has(fact.bit)) continue;
        Bdd::Node then = fact.one_of.empty() ? Bdd::kTrue : Bdd::kFalse;
        for (std::uint32_t bit = 0; bit < packet::kAllPresent; ++bit) {
            if (fact.one_of.has(bit)) then = bdd_.either(then, present_bit(bit));
        }
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

Bdd::Node PacketSets::raw(policy::ExprId condition) {
    const auto id = static_cast<std::uint32_t>(condition);
    if (const auto found = known_.find(id); found != known_.end()) return found->second;
    const Bdd::Node set =
        bdd_.spent() ? Bdd::kFalse
                     : std::visit([this](const auto& node) { return holds(node); }, policy_.expr(condition).node);
    known_.emplace(id, set);
    return set;
}

// ---- variables ----

Bdd::Node PacketSets::present_bit(std::uint32_t bit) {
    return bdd_.variable(first_variable_[present_offset(bit)] + 31 - bit % 32);
}

Bdd::Node PacketSets::present(packet::FieldId id) { return present_bit(packet::present_bit(id)); }

// The comparison of these fields that holds for `in`, turned round where it is negated; false where one is absent.
Bdd::Node PacketSets::when_present(const std::vector<packet::FieldId>& fields, Bdd::Node in, bool negated) {
    Bdd::Node there = Bdd::kTrue;
    for (const packet::FieldId id : fields) there = bdd_.both(there, present(id));
    return negated ? bdd_.without(there, in) : bdd_.both(there, in);
}

PacketSets::Bits PacketSets::bits(packet::FieldId id, std::uint64_t mask) const {
    const packet::Field& f = field(id);
    Bits bits(64, kNoBit);
    for (std::uint32_t bit = 0; bit + f.shift < f.size * 8u && bit < 64; ++bit)
        if ((f.mask & mask) >> bit & 1)
            bits[63 - bit] = first_variable_[packet::offset(id)] + f.size * 8u - 1 - (bit + f.shift);
    return bits;
}

PacketSets::Bits PacketSets::address_bits(packet::FieldId id, std::size_t width) const {
    Bits bits(width);
    for (std::size_t i = 0; i < width; ++i)
        bits[i] = first_variable_[packet::offset(id)] + static_cast<Bdd::Variable>(i);
    return bits;
}

Bdd::Node PacketSets::opaque(std::string text) {
    const auto next = kFirstOpaque + static_cast<Bdd::Variable>(opaque_.size());
    return bdd_.variable(opaque_.emplace(std::move(text), next).first->second);
}

// ---- ranges ----

Bdd::Node PacketSets::in_range(const Bits& bits, std::size_t at, const WideRange& range, bool on_first, bool on_last) {
    if (at == bits.size() || (!on_first && !on_last)) return Bdd::kTrue;
    const auto bit_of = [&](const Wide& value) {
        const std::size_t from_low = bits.size() - 1 - at;
        return ((from_low >= 64 ? value.high >> (from_low - 64) : value.low >> from_low) & 1) != 0;
    };
    const bool first = bit_of(range.first), last = bit_of(range.last);
    const Bdd::Node low = on_first && first ? Bdd::kFalse : in_range(bits, at + 1, range, on_first, on_last && !last);
    if (bits[at] == kNoBit) return low;
    const Bdd::Node high = on_last && !last ? Bdd::kFalse : in_range(bits, at + 1, range, on_first && first, on_last);
    return bdd_.choice(bits[at], low, high);
}

// Halves are joined, so that many ranges cost little more than their nodes.
Bdd::Node PacketSets::in_ranges(const Bits& bits, const WideRange* ranges, std::size_t count) {
    if (count == 0) return Bdd::kFalse;
    if (count == 1) return in_range(bits, 0, *ranges, true, true);
    return bdd_.either(in_ranges(bits, ranges, count / 2), in_ranges(bits, ranges + count / 2, count - count / 2));
}

Bdd::Node PacketSets::number_in(const Bits& bits, const std::vector<std::pair<std::uint64_t, std::uint64_t>>& ranges) {
    std::vector<WideRange> wide;
    for (const auto& [first, last] : ranges) wide.push_back({{0, first}, {0, last}});
    return in_ranges(bits, wide.data(), wide.size());
}

Bdd::Node PacketSets::address_in(packet::FieldId id, const std::vector<IpRange>& ranges) {
    const bool both_versions = field(id).size == 16;  // else IPv4 alone
    const auto wide = [](const IpAddress& address) {
        Wide value;
        const std::size_t bytes = address.version == 4 ? 4 : 16;
        for (std::size_t i = 0; i < bytes; ++i) {
            value.high = value.high << 8 | value.low >> 56;
            value.low = value.low << 8 | address.bytes[i];
        }
        return value;
    };
    std::vector<WideRange> v4, v6;
    for (const IpRange& range : ranges)
        (range.first.version == 4 ? v4 : v6).push_back({wide(range.first), wide(range.last)});
    Bdd::Node in = in_ranges(address_bits(id, 32), v4.data(), v4.size());
    if (!both_versions) return in;
    const std::uint32_t layer = packet::layer_of(id) == packet::Layer::kOuter ? 0 : packet::kInnerPresent;
    in = bdd_.both(present_bit(layer + WEIR_HAS_IP4), in);
    return bdd_.either(
        in, bdd_.both(present_bit(layer + WEIR_HAS_IP6), in_ranges(address_bits(id, 128), v6.data(), v6.size())));
}

// ---- conditions ----

Bdd::Node PacketSets::holds(const policy::Constant& node) { return node.value ? Bdd::kTrue : Bdd::kFalse; }

Bdd::Node PacketSets::holds(const policy::And& node) {
    Bdd::Node all = Bdd::kTrue;
    for (const policy::ExprId id : node.operands) all = bdd_.both(all, raw(id));
    return all;
}

Bdd::Node PacketSets::holds(const policy::Or& node) {
    Bdd::Node any = Bdd::kFalse;
    for (const policy::ExprId id : node.operands) any = bdd_.either(any, raw(id));
    return any;
}

Bdd::Node PacketSets::holds(const policy::Not& node) { return bdd_.complement(raw(node.operand)); }

Bdd::Node PacketSets::holds(const policy::Flag& node) {
    return when_present({node.field}, number_in(bits(node.field, 1), {{1, 1}}), !node.value);
}

Bdd::Node PacketSets::holds(const policy::FlagCompare& node) {
    const Bdd::Node left = number_in(bits(node.lhs, 1), {{1, 1}}), right = number_in(bits(node.rhs, 1), {{1, 1}});
    const Bdd::Node differ = bdd_.either(bdd_.without(left, right), bdd_.without(right, left));
    return when_present({node.lhs, node.rhs}, differ, !node.negated);
}

Bdd::Node PacketSets::holds(const policy::NumberCompare& node) {
    const std::string sides = fmt::format("{}&{} {}&{}", static_cast<int>(node.lhs.field), node.lhs.mask,
                                          static_cast<int>(node.rhs.field), node.rhs.mask);
    const std::vector<packet::FieldId> fields{node.lhs.field, node.rhs.field};
    switch (node.relation) {
        case policy::Relation::kEq: return when_present(fields, opaque("= " + sides), false);
        case policy::Relation::kNe: return when_present(fields, opaque("= " + sides), true);
        case policy::Relation::kLt: return when_present(fields, opaque("< " + sides), false);
        case policy::Relation::kGe: return when_present(fields, opaque("< " + sides), true);
        case policy::Relation::kGt: return when_present(fields, opaque("> " + sides), false);
        case policy::Relation::kLe: break;
    }
    return when_present(fields, opaque("> " + sides), true);
}

Bdd::Node PacketSets::holds(const policy::NumberIn& node) {
    return when_present({node.number.field}, number_in(bits(node.number.field, node.number.mask), node.ranges),
                        node.negated);
}

Bdd::Node PacketSets::holds(const policy::AddressCompare& node) {
    return when_present({node.lhs, node.rhs},
                        opaque(fmt::format("= {} {}", static_cast<int>(node.lhs), static_cast<int>(node.rhs))),
                        node.negated);
}

Bdd::Node PacketSets::holds(const policy::AddressIn& node) {
    return when_present({node.field}, address_in(node.field, node.ranges), node.negated);
}

Bdd::Node PacketSets::holds(const policy::MacCompare& node) {
    return when_present({node.lhs, node.rhs},
                        opaque(fmt::format("= {} {}", static_cast<int>(node.lhs), static_cast<int>(node.rhs))),
                        node.negated);
}

Bdd::Node PacketSets::holds(const policy::MacIn& node) {
    return when_present({node.field}, number_in(bits(node.field, kAll), node.ranges), node.negated);
}

Bdd::Node PacketSets::entry(const policy::InSet& node, const policy::Set& set,
                            std::span<const policy::SetElement> entry) {
    Bdd::Node all = Bdd::kTrue;
    for (std::size_t i = 0; i < node.keys.size(); ++i) {
        const IpPrefix net{entry[i].address, entry[i].prefix_length};
        const Bdd::Node part = set.types[i] == policy::SetType::kIp
                                   ? address_in(node.keys[i], {{net.address, net.address}})
                               : set.types[i] == policy::SetType::kNet
                                   ? address_in(node.keys[i], {{first_address(net), last_address(net)}})
                                   : number_in(bits(node.keys[i], kAll), {{entry[i].number, entry[i].number}});
        all = bdd_.both(all, part);
    }
    return all;
}

// What a set holds may change while the policy runs, or with its file.
Bdd::Node PacketSets::holds(const policy::InSet& node) {
    const policy::Set& set = policy_.sets[static_cast<std::size_t>(node.set)];
    if (set.dynamic || set.from_file || has_names(set.types) || set.entries.size() > kMaxSpeltEntries) {
        std::string text = fmt::format("in {}", static_cast<std::uint32_t>(node.set));
        for (const packet::FieldId id : node.keys) text += fmt::format(" {}", static_cast<int>(id));
        return when_present(node.keys, opaque(std::move(text)), node.negated);
    }
    Bdd::Node in = Bdd::kFalse;
    for (std::size_t i = 0; i < set.entries.size(); ++i) in = bdd_.either(in, entry(node, set, set.entries.entry(i)));
    return when_present(node.keys, in, node.negated);
}

Bdd::Node PacketSets::holds(const policy::IfaceMatch& node) {
    return when_present({packet::FieldId::kIface},
                        opaque(fmt::format("iface {} {}", static_cast<int>(node.op), node.text)), node.negated);
}

Bdd::Node PacketSets::holds(const policy::PayloadMatch& node) {
    return when_present({packet::FieldId::kPayload},
                        opaque(fmt::format("payload {} {}", static_cast<int>(node.op), node.bytes)), node.negated);
}

Bdd::Node PacketSets::holds(const policy::TextMatch& node) {
    return when_present(
        {node.field},
        opaque(fmt::format("text {} {} {}", static_cast<int>(node.field), static_cast<int>(node.op), node.text)),
        node.negated);
}

Bdd::Node PacketSets::holds(const policy::TextCompare& node) {
    if (node.lhs == node.rhs) return when_present({node.lhs}, Bdd::kTrue, node.negated);
    return when_present({node.lhs, node.rhs},
                        opaque(fmt::format("texts {} {}", static_cast<int>(std::min(node.lhs, node.rhs)),
                                           static_cast<int>(std::max(node.lhs, node.rhs)))),
                        node.negated);
}

Bdd::Node PacketSets::holds(const policy::PayloadSlice& node) {
    const std::uint64_t needed = node.offset + node.bytes.size();
    const Bdd::Node long_enough = holds(policy::NumberIn{{packet::FieldId::kPayloadLen}, {{needed, kAll}}, false});
    const Bdd::Node equal = when_present({packet::FieldId::kPayload},
                                         opaque(fmt::format("slice {} {}", node.offset, node.bytes)), node.negated);
    return bdd_.both(long_enough, equal);
}

}  // namespace weir::analysis
