// A frame for a class of packets, judged by the oracle under both policies: proof that they differ.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "compiler/analysis/condition_of.h"
#include "compiler/analysis/policy_diff.h"
#include "compiler/oracle/evaluate.h"
#include "compiler/packet/direction.h"
#include "tooling/judge/lead_in.h"

namespace weir::tooling {

struct Witness {
    std::vector<std::uint8_t> frame{};
    packet::Direction direction = packet::Direction::kIn;
    std::string interface{};           // empty: none is needed
    std::uint64_t times = 1;           // sent so often at one time from empty state, the last one differs
    std::vector<std::string> given{};  // sets that have an entry to begin with: "192.0.2.1 in blocked"
    Script before{};                   // other packets that come first
    std::uint64_t after_ns = 0;        // that pass behind those
};

// All of its packets, from empty state.
Script script_of(const Witness& witness);
// As the steps of a test, without what they expect: "2 x tcp … syn; then after 10s; then tcp …".
std::string witness_text(const Witness& witness);

// What the oracle says, as the classes have it: alerts without their samples.
analysis::Outcome outcome_of(const policy::TypedPolicy& policy, const oracle::Judgement& judgement);
// Of the last packet of a script.
analysis::Outcome outcome_after(const policy::TypedPolicy& policy, const Script& script);

class WitnessFinder {
public:
    WitnessFinder(const policy::TypedPolicy& before, const policy::TypedPolicy& after,
                  analysis::ConditionOf& conditions);
    ~WitnessFinder();

    // Nothing where no frame was found that gets both outcomes: packets whose state, or whose header, one frame cannot
    // bring about.
    std::optional<Witness> find(const analysis::DiffClass& one);

private:
    struct Side {
        const policy::TypedPolicy& policy;
        std::unique_ptr<oracle::Oracle> oracle{};  // where no packet leaves a trace
    };
    bool differs(const analysis::DiffClass& one, const analysis::Cube& cube, Witness& witness);
    // Puts packets before the frame from which on it does, without entries that are given.
    bool differs_after_others(const analysis::DiffClass& one, Witness& witness);
    // With what the cube wants in the sets that change; the original where it wants nothing.
    std::optional<policy::TypedPolicy> with_entries(const policy::TypedPolicy& policy, const analysis::Cube& cube,
                                                    Witness& witness) const;

    Side before_, after_;
    analysis::ConditionOf& conditions_;
    bool has_state_ = false;
    std::optional<LeadIns> before_lead_ins_{}, after_lead_ins_{};  // once they are needed
    std::uint64_t left_ = 0;                                       // rules that may still be tried for this class
};

}  // namespace weir::tooling
