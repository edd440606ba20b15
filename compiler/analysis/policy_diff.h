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
    Bdd::Node around = Bdd::kFalse;  // all that the rules match by which they were found: simpler, and never less
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
    };
    // The rules of one direction of both policies, in one order that is the order of each.
    static constexpr std::size_t kNone = ~std::size_t{0};
    struct Step {
        std::size_t before = kNone, after = kNone;  // rules; both: they do the same
        bool is_common() const { return before != kNone && after != kNone; }
    };
    struct Sequence {
        packet::Direction direction;
        std::vector<Step> steps{};
    };
    struct Key {
        packet::Direction direction;
        Outcome before, after;
        friend auto operator<=>(const Key&, const Key&) = default;
    };
    struct Class {
        Bdd::Node packets = Bdd::kFalse, around = Bdd::kFalse;
    };
    using Found = std::vector<std::pair<Key, Bdd::Node>>;

    Sequence sequence_of(packet::Direction direction) const;
    std::vector<Step> common_steps(packet::Direction direction) const;
    void compare(const Sequence& sequence);
    void compare_region(const Sequence& sequence, std::size_t first, Bdd::Node region, const RuleBox& box,
                        const std::string& name);
    void find_terms();
    Side& side_of(const Step& step) { return step.before != kNone ? before_ : after_; }
    const Side& side_of(const Step& step) const { return step.before != kNone ? before_ : after_; }
    static std::size_t rule_of(const Step& step) { return step.before != kNone ? step.before : step.after; }
    const policy::Rule& rule(const Step& step) const { return side_of(step).policy.rules[rule_of(step)]; }
    const JointRule& joint_rule(const Step& step) const { return side_of(step).rules[rule_of(step)]; }
    const RuleBox& box(const Step& step) const { return side_of(step).boxes[rule_of(step)]; }
    bool matters(const Step& step) const;
    Bdd::Node match(const Step& step);
    Bdd::Node unsettled(const Sequence& sequence, std::size_t first, Bdd::Node region, const RuleBox& box);
    Found walk(const Sequence& sequence, std::size_t first, Bdd::Node region, const RuleBox& box);
    Outcome last(const Side& side, packet::Direction direction, Outcome::By by, std::vector<std::string> alerts) const;
    bool take(const Found& found, Bdd::Node around);
    void order_classes();

    JointPolicy joint_;
    Universe universe_;
    PacketSets sets_;
    Side before_, after_;
    std::map<Key, Class> found_;
    std::vector<DiffClass> classes_;
    std::vector<std::string> unjudged_;
    std::vector<TermVariable> terms_;
    Bdd::Node coherent_ = Bdd::kTrue;  // what is above 20 is above 10
};

}  // namespace weir::analysis
