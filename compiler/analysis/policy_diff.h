// Which packets two policies judge otherwise: exact classes by what both say of them.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "compiler/analysis/joint_policy.h"
#include "compiler/analysis/literal.h"
#include "compiler/analysis/packet_sets.h"
#include "compiler/analysis/rule_box.h"
#include "compiler/packet/direction.h"

namespace weir::analysis {

// What a policy says of a packet.
struct Outcome {
    enum class By : std::uint8_t { kRule, kDefault, kMalformed };
    policy::VerdictKind verdict = policy::VerdictKind::kPass;
    std::string interface{};  // of a redirect
    By by = By::kDefault;
    std::string rule{};                 // kRule: its name
    std::vector<std::string> alerts{};  // sorted; before any throttle. "scan", or "scan sample 1/10"

    friend auto operator<=>(const Outcome&, const Outcome&) = default;
};

struct DiffClass {
    packet::Direction direction = packet::Direction::kIn;
    Outcome before, after;
    Bdd::Node packets = Bdd::kFalse;
};

// The classes of two policies. Both must outlive it.
class PolicyDiff {
public:
    PolicyDiff(const policy::TypedPolicy& before, const policy::TypedPolicy& after);

    // Disjoint, none empty: by direction, then in the order of the rules that decide after and before.
    const std::vector<DiffClass>& classes() const { return classes_; }
    // Rules whose packets could not be compared within the bounds on memory and time: "web", or "default". A class of
    // theirs may be missing, or be too small.
    const std::vector<std::string>& unjudged() const { return unjudged_; }
    PacketSets& sets() { return sets_; }
    const JointPolicy& joint() const { return joint_; }
    const std::vector<TermVariable>& terms() const { return terms_; }

private:
    struct Side {
        const policy::TypedPolicy& policy;
        const std::vector<JointRule>& rules;
        std::vector<RuleBox> boxes{};
        std::vector<std::optional<Bdd::Node>> matches{};
        std::vector<bool> is_common{};  // by rule
    };
    using Outcomes = std::map<Outcome, Bdd::Node>;
    struct Key {
        packet::Direction direction;
        Outcome before, after;
        friend auto operator<=>(const Key&, const Key&) = default;
    };
    enum class Through : std::uint8_t { kAll, kUndecided };

    void pair_rules(packet::Direction direction);
    void compare(packet::Direction direction);
    void compare_defaults(packet::Direction direction);
    void compare_region(packet::Direction direction, Bdd::Node region, const RuleBox& box, Through through,
                        const std::string& name);
    void find_terms();
    Bdd::Node match(Side& side, std::size_t rule);
    Bdd::Node undecided(Side& side, packet::Direction direction);
    Outcomes walk(Side& side, packet::Direction direction, Bdd::Node region, const RuleBox& box, Through through);
    Outcome last(const Side& side, packet::Direction direction, Outcome::By by, std::vector<std::string> alerts) const;
    bool take(packet::Direction direction, Outcomes before, Outcomes after);
    void order_classes();

    JointPolicy joint_;
    Universe universe_;
    PacketSets sets_;
    Side before_, after_;
    std::map<Key, Bdd::Node> found_;
    std::vector<DiffClass> classes_;
    std::vector<std::string> unjudged_;
    std::vector<TermVariable> terms_;
    Bdd::Node coherent_ = Bdd::kTrue;  // what is above 20 is above 10
};

}  // namespace weir::analysis
