// What the packets are that sets of packets are made of: the variables that stand for their fields, and the packets
// that a reader makes at all. Policies of one universe speak of the same variables, so that their sets can be compared.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "compiler/analysis/bdd.h"
#include "compiler/analysis/point.h"
#include "compiler/packet/direction.h"
#include "compiler/packet/facts.h"
#include "compiler/packet/fields.h"
#include "compiler/packet/presence.h"
#include "compiler/policy/typed_policy.h"
#include "compiler/policy/wide_value.h"
#include "grammar/value.h"

namespace weir::analysis {

class Universe {
public:
    static constexpr Bdd::Variable kNoBit = 0xffffffff;  // a bit that is always zero
    // The bits of a value, the highest first: a variable each, or kNoBit.
    using Bits = std::vector<Bdd::Variable>;

    // Of the packets that these policies read. They are looked at only here.
    explicit Universe(const std::vector<const policy::TypedPolicy*>& policies);
    explicit Universe(const policy::TypedPolicy& policy) : Universe(std::vector{&policy}) {}

    Bdd& bdd() { return bdd_; }
    // All packets that a reader makes, as far as the field table says.
    Bdd::Node possible() const { return possible_; }
    // One of the policies judges packets on their way out: those are told apart from the ones that come in.
    bool has_egress() const { return has_egress_; }
    // What a reader makes is in further sets, too. They are not in `possible()`, since they matter to few packets.
    // Changes variables of the packet that are not set so that it is in `possible()` and in all of them: kTrue. Else
    // one that it is not in, whatever the others are, or that was not reached after some tries.
    Bdd::Node make_possible(Point& point) const;
    // One more of these sets.
    void add_fact(Bdd::Node packets) { facts_.push_back(packets); }
    // From here on they are in `possible()`: for who has no use for packets that no reader makes.
    void assume_facts();
    // Packets that go that way, those that no reader makes as well: all of them where no policy judges packets on their
    // way out.
    Bdd::Node direction(packet::Direction way);
    // Those of them that a reader makes.
    Bdd::Node going(packet::Direction way) { return bdd_.both(possible_, direction(way)); }
    // Any packet that has the field, or the bit of packet::PresentBits.
    Bdd::Node present(packet::FieldId field);
    Bdd::Node present_bit(std::uint32_t bit) { return bdd_.variable(present_variable(bit)); }
    bool has(const Point& point, packet::FieldId field) const;
    Bdd::Variable present_variable(std::uint32_t bit) const;
    // The packet is on its way out.
    Bdd::Variable out_variable() const { return out_; }
    // All variables so far are below this one.
    Bdd::Variable variables() const { return out_ + 1 + static_cast<Bdd::Variable>(opaque_.size()); }

    Bits bits(packet::FieldId field, std::uint64_t mask) const;
    // The first `width` bits of an address; an IPv4 address is in the first 32 of 128.
    Bits address_bits(packet::FieldId field, std::size_t width) const;
    // The values in these ranges, whether or not the packet has the field.
    Bdd::Node number_in(const Bits& bits, const policy::Ranges& ranges);
    Bdd::Node address_in(packet::FieldId field, const std::vector<IpRange>& ranges);

    // A yes or no that is not spelt out, the same wherever the text is the same; each has a variable.
    Bdd::Node opaque(const std::string& text) { return bdd_.variable(opaque_variable(text)); }
    Bdd::Variable opaque_variable(const std::string& text);
    // The text of such a variable; nullptr where it is another.
    const std::string* opaque_text(Bdd::Variable variable) const;

private:
    using WideRange = std::pair<policy::WideValue, policy::WideValue>;

    // Of bits with their weights: those of the fields that are added, and of those that are taken away.
    struct Sum {
        struct Term {
            Bdd::Variable variable;
            std::int64_t weight;
            std::int64_t least, most;  // that this bit and those below it add
        };
        std::vector<Term> terms;
        std::map<std::pair<std::size_t, std::int64_t>, Bdd::Node> known;
    };

    void place_variables(const std::vector<const policy::TypedPolicy*>& policies,
                         const std::vector<const packet::Fact*>& facts);
    static std::vector<const packet::Fact*> facts_of(const packet::FieldSet& reads);
    Bdd::Node sum_holds(const packet::FactPart& part);
    // Is `value` and what the bits from `at` on add zero or more?
    Bdd::Node not_negative(Sum& sum, std::size_t at, std::int64_t value);
    static packet::PresentBits bits_read(const packet::FieldSet& reads);
    Bdd::Node holds(const packet::FactPart& part);
    Bdd::Node possible_packets(const packet::FieldSet& reads);
    Bdd::Node in_ranges(const Bits& bits, std::size_t at, policy::WideValue base, std::span<const WideRange> ranges);

    Bdd bdd_;
    bool has_egress_ = false;
    Bdd::Variable out_ = 0;                 // behind the bits of packets; those that are not spelt out follow
    std::vector<std::uint32_t> first_bit_;  // by byte offset that begins a member: where its bits are
    std::vector<Bdd::Variable> variable_;   // of each bit, the highest of a member first
    std::unordered_map<std::string, Bdd::Variable> opaque_;
    std::vector<const std::string*> opaque_texts_;
    Bdd::Node possible_ = Bdd::kTrue;
    std::vector<Bdd::Node> facts_;
};

}  // namespace weir::analysis
