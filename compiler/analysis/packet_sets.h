// Conditions as sets of packets, exact as far as the fields' values go. What is not spelt out (two fields compared,
// payload and interface texts, what a named set holds) is a yes or no of its own, the same wherever the same comparison
// stands; and a few packets are kept that no wire carries. So an empty set, or one within another, is so in truth; the
// opposite need not be.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "compiler/analysis/bdd.h"
#include "compiler/policy/typed_policy.h"

namespace weir::analysis {

class PacketSets {
public:
    explicit PacketSets(const policy::TypedPolicy& policy);

    // The packets for which the condition holds. Means nothing once bdd().spent().
    Bdd::Node of(policy::ExprId condition) { return bdd_.both(possible_, raw(condition)); }
    // All packets; those that have a field; those for which one comparison holds.
    Bdd::Node all() const { return possible_; }
    bool has_egress() const { return has_egress_; }
    // Those that go that way; all where the policy judges one direction only.
    Bdd::Node going(packet::Direction direction) {
        if (!has_egress_) return possible_;
        const Bdd::Node out = opaque("out");
        return direction == packet::Direction::kOut ? bdd_.both(possible_, out) : bdd_.without(possible_, out);
    }
    Bdd::Node having(packet::FieldId field) { return bdd_.both(possible_, present(field)); }
    template <typename Comparison>
    Bdd::Node where(const Comparison& comparison) {
        return bdd_.both(possible_, holds(comparison));
    }
    Bdd& bdd() { return bdd_; }

private:
    // A value of up to 128 bits, the highest bit first.
    struct Wide {
        std::uint64_t high = 0;
        std::uint64_t low = 0;
    };
    struct WideRange {
        Wide first;
        Wide last;
    };
    // The bits of a value: a variable each, or kNoBit where it is always zero.
    using Bits = std::vector<Bdd::Variable>;

    // The same, among packets that no reader makes as well.
    Bdd::Node raw(policy::ExprId condition);
    Bdd::Node holds(const policy::Constant& node);
    Bdd::Node holds(const policy::And& node);
    Bdd::Node holds(const policy::Or& node);
    Bdd::Node holds(const policy::Not& node);
    Bdd::Node holds(const policy::Flag& node);
    Bdd::Node holds(const policy::FlagCompare& node);
    Bdd::Node holds(const policy::NumberCompare& node);
    Bdd::Node holds(const policy::NumberIn& node);
    Bdd::Node holds(const policy::AddressCompare& node);
    Bdd::Node holds(const policy::AddressIn& node);
    Bdd::Node holds(const policy::MacCompare& node);
    Bdd::Node holds(const policy::MacIn& node);
    Bdd::Node holds(const policy::InSet& node);
    Bdd::Node holds(const policy::IfaceMatch& node);
    Bdd::Node holds(const policy::PayloadMatch& node);
    Bdd::Node holds(const policy::PayloadSlice& node);
    Bdd::Node holds(const policy::TextMatch& node);
    Bdd::Node holds(const policy::TextCompare& node);

    Bdd::Node present(packet::FieldId field);
    Bdd::Node present_bit(std::uint32_t bit);
    Bdd::Node when_present(const std::vector<packet::FieldId>& fields, Bdd::Node in, bool negated);
    Bits bits(packet::FieldId field, std::uint64_t mask) const;
    Bits address_bits(packet::FieldId field, std::size_t width) const;
    Bdd::Node number_in(const Bits& bits, const std::vector<std::pair<std::uint64_t, std::uint64_t>>& ranges);
    Bdd::Node address_in(packet::FieldId field, const std::vector<IpRange>& ranges);
    Bdd::Node entry(const policy::InSet& node, const policy::Set& set, std::span<const policy::SetElement> entry);
    Bdd::Node in_ranges(const Bits& bits, const WideRange* ranges, std::size_t count);
    Bdd::Node in_range(const Bits& bits, std::size_t at, const WideRange& range, bool on_first, bool on_last);
    // A comparison that is not spelt out, told from others by its text.
    Bdd::Node opaque(std::string text);
    Bdd::Node possible_packets();

    const policy::TypedPolicy& policy_;
    const bool has_egress_ = policy_.has_egress();  // asked for each rule
    Bdd bdd_;
    std::vector<Bdd::Variable> first_variable_;  // of each byte offset of struct weir_packet that begins a member
    std::unordered_map<std::string, Bdd::Variable> opaque_;
    std::unordered_map<std::uint32_t, Bdd::Node> known_;  // conditions: lets are shared
    Bdd::Node possible_ = Bdd::kTrue;
};

}  // namespace weir::analysis
