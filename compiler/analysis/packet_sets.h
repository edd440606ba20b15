// Conditions as sets of packets, exact as far as the fields' values go. What is not spelt out (payload and interface
// texts, what a named set holds) is a yes or no of its own, the same wherever the same comparison stands; and a few
// packets are kept that no wire carries. So an empty set, or one within another, is so in truth; the opposite need not
// be.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "compiler/analysis/bdd.h"
#include "compiler/analysis/text_facts.h"
#include "compiler/analysis/universe.h"
#include "compiler/policy/typed_policy.h"

namespace weir::analysis {

// The sets of one policy in a universe, which has to outlive them.
class PacketSets {
public:
    PacketSets(Universe& universe, const policy::TypedPolicy& policy)
        : universe_(universe), policy_(policy), known_(policy.exprs.size(), kUnknown) {}

    Universe& universe() { return universe_; }
    Bdd& bdd() { return universe_.bdd(); }

    // The packets for which the condition holds. Means nothing once bdd().spent().
    Bdd::Node of(policy::ExprId condition) { return bdd().both(all(), raw(condition)); }
    // The same, among packets that no reader makes as well.
    Bdd::Node raw(policy::ExprId condition);
    // Conditions from here on are forgotten by forget(): before the nodes of their sets are released.
    void keep() { recent_.clear(); }
    void forget();
    // The universe learns how the comparisons so far of one text stand to one another.
    void relate_texts();
    // What the rule may match: packets of its direction that satisfy its condition and have the keys of its state
    // terms.
    Bdd::Node matches(const policy::Rule& rule) { return bdd().both(all(), raw_matches(rule)); }
    // The same, among packets that no reader makes as well.
    Bdd::Node raw_matches(const policy::Rule& rule);
    // The packets, and whether each state term of the rule holds, that it does match. A term is a variable of its own:
    // the same one in rules of the same name with the same term.
    Bdd::Node matches_with_state(const policy::Rule& rule);
    // All packets; those that go that way; those that have a field; those for which one comparison holds.
    Bdd::Node all() const { return universe_.possible(); }
    Bdd::Node going(packet::Direction direction) { return universe_.going(direction); }
    Bdd::Node having(packet::FieldId field) { return bdd().both(all(), universe_.present(field)); }
    template <typename Comparison>
    Bdd::Node where(const Comparison& comparison) {
        return bdd().both(all(), holds(comparison));
    }

private:
    using Bits = Universe::Bits;

    static constexpr Bdd::Node kUnknown = 0xffffffff;

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

    Bdd::Node when_present(const std::vector<packet::FieldId>& fields, Bdd::Node in, bool negated);
    Bdd::Node equal(const Bits& a, const Bits& b);
    Bdd::Node less(const Bits& a, const Bits& b);
    Bdd::Node bit(Bdd::Variable variable) {
        return variable == Universe::kNoBit ? Bdd::kFalse : bdd().variable(variable);
    }
    Bdd::Node addresses_equal(packet::FieldId a, packet::FieldId b);
    Bdd::Node entry(const policy::InSet& node, const policy::Set& set, std::span<const policy::SetElement> entry);
    std::string set_text(policy::SetId id);
    Bdd::Node text_set(packet::FieldId field, const std::string& name, TextAtom atom);

    Universe& universe_;
    const policy::TypedPolicy& policy_;
    std::vector<Bdd::Node> known_;                              // of each condition: lets are shared
    std::vector<policy::ExprId> recent_;                        // those that are known since keep()
    std::unordered_map<std::uint32_t, std::string> set_texts_;  // by SetId
    std::map<packet::FieldId, std::vector<TextAtom>> texts_;
};

}  // namespace weir::analysis
