// A set of packets as a condition of the language.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "compiler/analysis/literal.h"
#include "compiler/packet/direction.h"

namespace weir::analysis {

struct ConditionText {
    // It parses. Where it is whole it holds for exactly these packets. Else a comment at its end says that there is
    // more: "and more" that some of the packets are left out, "and more conditions" that others are in it as well.
    // State terms stand in it as comparisons.
    std::string text;
    bool is_whole = true;
};

class ConditionOf {
public:
    ConditionOf(const policy::TypedPolicy& policy, PacketSets& sets, const std::vector<TermVariable>& terms)
        : policy_(policy), sets_(sets), literals_(policy, sets, terms) {}

    const policy::TypedPolicy& policy() const { return policy_; }

    // `packets` go that way, and are all in `around`, which is what is said of them if they are too much to look at.
    ConditionText text(Bdd::Node packets, Bdd::Node around, packet::Direction direction);
    // Whether packets are of the set depends on a state term, a set that changes, or what is known of a flow.
    bool reads_state(Bdd::Node packets) { return literals_.read_state(packets); }
    // Conditions that together mean that a packet is one of these, all of them within: for who makes a packet. Another
    // `number` may give others. Nothing where there is none that the language can say.
    std::optional<Cube> within(Bdd::Node packets, packet::Direction direction, std::size_t number);

private:
    ConditionText text_around(Bdd::Node packets, Bdd::Node all);
    bool cover(Bdd::Node packets, Bdd::Node whole, Bdd::Node care, std::vector<Cube>& cubes);
    template <typename Fits>
    Cube reduced(Cube cube, Bdd::Node care, Fits fits);
    Bdd::Node any_of(const std::vector<Cube>& cubes, Bdd::Node care);

    const policy::TypedPolicy& policy_;
    PacketSets& sets_;
    Literals literals_;
};

}  // namespace weir::analysis
