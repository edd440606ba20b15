// Translation validation: does the compiled program do what the policy says? Packets that are aimed at each rule and
// at each place where one of its comparisons turns go through all evaluators, which must agree. It tries, and says what
// it tried; it proves nothing.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "compiler/analysis/aim.h"
#include "compiler/oracle/evaluate.h"
#include "grammar/base/result.h"
#include "grammar/diagnostic.h"
#include "tooling/judge/evaluators.h"

namespace weir::tooling {

// A packet that an evaluator was shown, with what no frame has.
struct ShownPacket {
    std::vector<std::uint8_t> frame{};
    std::uint64_t time_ns = 0;
    std::string interface{};
    packet::Direction direction = packet::Direction::kIn;
    std::uint32_t rule = 0;  // that it was made for
};

struct ValidateOptions {
    std::uint64_t seed = 1;
    std::uint64_t frames = 4'000'000;           // at most
    std::chrono::milliseconds time{60'000};     // at most, of the clock on the wall; 0: no limit
    std::vector<bool> never{};                  // by rule: no packet can reach it (W401, W403); empty: not known
    std::function<void(std::uint64_t)> step{};  // packets judged so far
    // Only packets that meet a rule are looked for, and put here, in the order of the rules: of few rules several each.
    std::vector<ShownPacket>* witnesses = nullptr;
};

struct ValidationDifference {
    std::uint32_t rule = 0;  // at which answers part; kNoRule: by none
    static constexpr std::uint32_t kNoRule = ~0u;
    std::string aimed_at{};          // what the packet was made for: "rule ssh, tcp.dport == 22: 23"
    std::string answers{};           // "oracle: drop by ssh; native: pass by default"
    std::vector<ShownPacket> shown;  // from empty state; the last one is judged differently
};

struct Tried {
    std::uint64_t done = 0, all = 0;
};
struct ValidationReport {
    std::vector<Evaluator> evaluators{};
    Tried rules{};                 // for which a packet was found that they judge
    Tried boundaries{};            // of comparisons on which the answer depended
    Tried pairs{};                 // of rules of which both conditions hold for a packet that reaches the first
    Tried terms{};                 // state terms and throttles that were seen within their limit and beyond it
    std::uint64_t neighbours = 0;  // pairs of classes: a value of one comparison leads from one to the other
    std::uint64_t frames = 0, sequences = 0;
    std::uint64_t not_in_kernel = 0;                  // frames left out: the kernel takes no test run of them
    std::vector<std::uint32_t> shadowed{};            // rules without a packet: lint says that there is none
    std::vector<std::uint32_t> unreached{};           // and those for which none was found
    std::uint64_t sampled = 0;                        // comparisons with more ranges or entries than were tried
    std::string stopped{};                            // empty: it came to its end; else where and why
    std::vector<ValidationDifference> differences{};  // the first kMostDifferences
    std::uint64_t different_frames = 0;
    static constexpr std::size_t kMostDifferences = 16;
};

// An error is the world's: the kernel refused a test run. `evaluators`: those to be compared, the oracle among them.
Result<ValidationReport> validate(const Compiled& compiled, Evaluators& evaluators, const ValidateOptions& options);

// As the step of a test.
std::string text_of(const ShownPacket& packet);
// E901, at the rule. `capture`: where its packets were written.
Diagnostic diagnostic_of(const ValidationDifference& difference, const policy::TypedPolicy& policy,
                         const std::string& capture);

}  // namespace weir::tooling
