// Two policies compared: the classes of packets that change, each with a condition and a witness, what of a capture
// changes, and what else a reload would do.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "compiler/analysis/condition_of.h"
#include "compiler/analysis/policy_diff.h"
#include "compiler/compiler.h"
#include "grammar/base/result.h"
#include "tooling/judge/capture.h"
#include "tooling/judge/replay.h"
#include "tooling/judge/witness.h"

namespace weir::tooling {

struct ChangedClass {
    packet::Direction direction = packet::Direction::kIn;
    analysis::Outcome before{}, after{};
    analysis::ConditionText packets{};  // empty where this class was one too many to be described
    bool is_exact = true;               // it reads no state: no term, no set that changes, no flow
    std::optional<Witness> witness{};
    std::string witness_text{};               // a step of a test: "11 x tcp 192.0.2.1:49152 -> 192.0.2.2:22"
    std::optional<std::uint64_t> captured{};  // packets of the capture
};

struct PolicyChanges {
    std::vector<ChangedClass> classes{};
    std::vector<std::string> state_reset{};  // identities of state that a reload would forget
    std::vector<std::string> others{};       // analysis::other_changes()
    std::vector<std::string> unjudged{};     // rules whose packets were too much to compare
    bool is_exact = true;                    // all classes are, and none is missing
    struct Captured {
        std::uint64_t packets = 0, changed = 0;
        std::uint64_t unclassed = 0;  // that changed by state that other packets left: they are in no class
    };
    std::optional<Captured> captured{};

    bool any() const { return !classes.empty() || !state_reset.empty() || !others.empty() || !unjudged.empty(); }
};

// `most`: classes that are described and get a witness, the first ones.
PolicyChanges compare_policies(const Compiled& before, const Compiled& after, std::size_t most = ~std::size_t{0});
// Identities of state of `before` that a reload would forget, and of `after` that begins empty.
struct StateChange {
    std::vector<std::string> ended, begun;
};
StateChange state_change(const Compiled& before, const Compiled& after);

// Counts what changes of a capture into `changes`. `engine`: as Evaluators::create().
Status count_captured(PolicyChanges& changes, const Compiled& before, const Compiled& after, Capture& capture,
                      const std::string& engine, const ReplayWhere& where);

}  // namespace weir::tooling
