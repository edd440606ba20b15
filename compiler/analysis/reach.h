// Which packets come to which rule. Instead of the union of all rules before one, which can grow without bound, single
// packets are tried: one that no rule before it decides is the proof. Where a rule decides it, all that this rule
// decides is taken away, and another packet is tried among the rest; nothing left is the proof of the opposite.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "compiler/analysis/outline.h"
#include "compiler/analysis/packet_sets.h"
#include "compiler/analysis/point.h"

namespace weir::analysis {

using RuleNumber = std::uint32_t;
using RuleMarks = std::vector<bool>;  // by rule

class Reach {
public:
    Reach(PacketSets& sets, const policy::TypedPolicy& policy);

    // Sets of packets that are made while it lives, and no longer; nothing else of this Bdd may be made meanwhile that
    // is to stay. So much work may be done for each, and no more than a sixteenth of what is left for all of them, and
    // a share that each rule has: a few hard rules take nothing away from the others.
    class Scope {
    public:
        explicit Scope(Reach& reach, std::size_t steps = kSteps);
        ~Scope();
        Scope(const Scope&) = delete;
        Scope& operator=(const Scope&) = delete;

    private:
        Reach& reach_;
        std::size_t mark_;
        std::size_t begin_;  // steps that were done before
    };
    // Less than a tenth of a second; and of all scopes together, apart from the shares.
    static constexpr std::size_t kSteps = std::size_t{1} << 21, kAllSteps = std::size_t{3} << 24;

    PacketSets& sets() { return sets_; }
    Bdd& bdd() { return sets_.bdd(); }
    // No more could be done: what was found is void.
    bool spent() { return bdd().spent(); }
    // What the rule may match, packets that no reader makes as well; in a scope.
    Bdd::Node matches(RuleNumber rule);
    // A set of one of its comparisons was too large: nothing is known of the rule.
    bool is_unknown(RuleNumber rule) const { return unknown_[rule]; }
    const Outline& outline(RuleNumber rule) const { return outlines_[rule]; }

    struct Found {
        bool exists = false;             // there is such a packet: `point()` is one. Else none is left.
        bool is_possible = false;        // some of the packets are ones that a reader makes
        std::vector<RuleNumber> takers;  // rules that decide one each of the packets, sorted, each once
        // All packets that a reader makes are in each of these. Where there is no such packet, those of the packets
        // that are in all of them are decided by the takers.
        std::vector<Bdd::Node> bounds;
    };
    // A packet that a reader makes, of these, that none of the rules before `end` matches that are marked.
    Found find(Bdd::Node packets, RuleNumber end, const RuleMarks& takers);
    // The packet that find() has found.
    const Point& point() const { return point_; }
    // The first of these rules that may match the packet; `end` where none does.
    RuleNumber first(const Point& point, RuleNumber begin, RuleNumber end, const RuleMarks& rules);
    // Rules from `begin` to `end` that may have packets within the outline.
    std::vector<RuleNumber> near(const Outline& outline, RuleNumber begin, RuleNumber end) const;

private:
    struct Key {
        std::array<std::uint64_t, kPlaces> places{};
        std::uint32_t present = 0;
        packet::Direction direction = packet::Direction::kIn;
    };
    Key key_of(const Point& point) const;
    bool holds(policy::ExprId id, const Point& point) const;
    bool holds(RuleNumber rule, const Point& point) const;
    bool prepare(policy::ExprId id);
    std::uint64_t value(const std::vector<Bdd::Variable>& bits, const Point& point) const;

    PacketSets& sets_;
    const policy::TypedPolicy& policy_;
    std::vector<Outline> outlines_;                         // of each rule
    std::array<std::vector<Interval>, kPlaces> intervals_;  // the same by place
    RuleMarks unknown_;
    std::vector<Bdd::Node> comparison_;                      // of each condition that is a comparison: its set
    std::vector<std::pair<RuleNumber, Bdd::Node>> matches_;  // those that this scope has asked for, by rule
    std::array<std::vector<Bdd::Variable>, kPlaces> place_bits_;
    std::array<Bdd::Variable, 32> present_bits_{};
    Point point_;
    std::uint64_t seed_ = 0;
    std::size_t left_ = kAllSteps;  // of the work for all scopes
    std::size_t share_;
};

}  // namespace weir::analysis
