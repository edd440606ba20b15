// The evaluators of a policy behind one type: the compiled program in the kernel, the same program compiled for this
// CPU, and the oracle, which shares with them only the table of fields. They must agree on every packet.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/codegen/native.h"
#include "compiler/compiler.h"
#include "compiler/oracle/evaluate.h"
#include "grammar/base/result.h"
#include "runtime/trial_run.h"
#include "tooling/judge/capture.h"
#include "tooling/judge/judged.h"
#include "tooling/judge/measures.h"
#include "tooling/judge/reactions.h"

namespace weir::tooling {

enum class Evaluator : std::uint8_t { kKernel, kNative, kOracle };
inline constexpr Evaluator kAllEvaluators[] = {Evaluator::kKernel, Evaluator::kNative, Evaluator::kOracle};
std::string_view evaluator_name(Evaluator evaluator);  // "kernel", "native", "oracle"
// True where this process may load BPF programs, which the kernel's evaluator needs.
bool kernel_is_allowed();
// True where the kernel takes a frame of this size for a test run: from 14 bytes to what a page holds.
bool kernel_takes(std::size_t frame_bytes);
bool kernel_takes(std::span<const std::uint8_t> frame, packet::Direction direction);
bool kernel_takes(const CaptureFacts& facts);  // each of its frames, as one that comes in
// Each of the frames, whichever way it goes; a policy that judges packets on their way out may be shown all of them
// there.
bool kernel_takes(const CaptureFacts& facts, const policy::TypedPolicy& policy);

// Each packet is shown to all that were added, and each has state of its own. `differences` is empty where they agree.
class Evaluators {
public:
    struct Answer {
        Judged judged{};           // of the first that was added and judges now
        std::string difference{};  // what the others say, as a sentence; empty: the same
        Judged other{};            // of the first of them that says something else
    };
    struct Membership {
        bool contains = false;
        std::string difference{};
    };
    // kNot: of the packets to come there is one that the kernel does not take. Then the native evaluator judges all of
    // them in its place, so that they share one state.
    enum class Kernel : std::uint8_t { kTakesAll, kNot };

    // `compiled` must outlive this and stay where it is.
    explicit Evaluators(const Compiled& compiled) : compiled_(&compiled) {}
    // `word`: kernel, native, oracle, all, or empty for the kernel where that is allowed, else native.
    static Result<Evaluators> create(const Compiled& compiled, const std::string& word);
    // The oracle's, each time that begin() makes it again; nothing where it was not added.
    void watch(oracle::Oracle::Watch watch);
    // One more. The first one's answers count.
    Status add(Evaluator evaluator);
    // The kernel's, of an object that is compiled already.
    Status add_kernel(const bpf::Object& object);

    // Empty state, the clock at 0. Called before the first packet and between tests and captures.
    Status begin(Kernel kernel = Kernel::kTakesAll);
    // `time_ns` never goes back. `interface`: the name of the one that the packet came in on, or leaves by; empty: not
    // known, so that `iface` is absent.
    Result<Answer> judge(std::span<const std::uint8_t> frame, std::uint64_t time_ns, std::string_view interface = {},
                         packet::Direction direction = packet::Direction::kIn);
    // One evaluator's answer; the others do not see the packet.
    Result<Judged> judge_with(Evaluator evaluator, std::span<const std::uint8_t> frame, std::uint64_t time_ns,
                              std::string_view interface = {}, packet::Direction direction = packet::Direction::kIn);
    // Does the set, one that changes, have the entry at `time_ns`?
    Result<Membership> contains(policy::SetId set, const std::vector<policy::SetElement>& entry, std::uint64_t time_ns);
    Result<bool> contains_with(Evaluator evaluator, policy::SetId set, const std::vector<policy::SetElement>& entry,
                               std::uint64_t time_ns);

    // What the evaluator has measured since begin(), by the name of the measure.
    Result<std::map<std::string, MeasuredByKey>> measures(Evaluator evaluator);

    // Has one of those that judge evicted a key of a state term since begin()? Each chooses by tables of its own.
    Result<bool> have_evicted() const;
    // False since evaluators differed after one of them had evicted a key: from there on their answers are not
    // compared.
    bool compares() const { return compares_; }

    const policy::TypedPolicy& policy() const { return compiled_->policy; }
    // Those that were added, in that order.
    const std::vector<Evaluator>& added() const { return added_; }
    bool has(Evaluator evaluator) const;
    // Those that judge since begin(): without the kernel's where it does not take all packets.
    const std::vector<Evaluator>& judging() const { return judging_; }
    // What docs/cli.md calls the engine: "kernel", "native", "oracle", or "all" where several were added.
    std::string engine() const;

private:
    Status need_native();
    Result<Judged> judge_alone(Evaluator evaluator, std::span<const std::uint8_t> frame, std::uint64_t time_ns,
                               std::string_view interface, packet::Direction direction);
    // What its alerts do once the packet's verdict is known.
    Status react(Evaluator evaluator, const Reactions::Shown& shown, Judged& judged);
    // `difference` as it is to be reported: nothing from where on answers cannot be compared.
    Result<std::string> comparable(std::string difference);

    const Compiled* compiled_;
    std::vector<Evaluator> added_{};
    std::vector<Evaluator> judging_{};
    bool compares_ = true;
    std::unique_ptr<runtime::TestRunner> kernel_{};
    std::unique_ptr<codegen::NativeEngine> native_{};
    std::optional<oracle::Oracle> oracle_{};
    oracle::Oracle::Watch watch_{};
    std::map<Evaluator, Reactions> reactions_{};  // of those that judge, where the policy has any
};

// Why answers are not compared from some packet on. For people.
inline constexpr std::string_view kNotCompared =
    "a table of state was full and keys were evicted, which each evaluator chooses for itself: from here on the "
    "answers "
    "are not compared";
// Where the kernel's evaluator was added but does not judge: who judges instead, and why. For people.
std::string without_kernel(const Evaluators& evaluators);

}  // namespace weir::tooling
