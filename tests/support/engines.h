// A policy's text on every evaluator that runs here, with the oracle as the reference: tooling::Evaluators for tests.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/frames.h"
#include "tooling/files/policy_file.h"
#include "tooling/judge/evaluators.h"

namespace weir::tests {

using tooling::Judged;
std::string to_string(const Judged& judged);  // with numbers: it needs no policy

// Files that a policy may name, by path.
using FileTexts = std::map<std::string, std::string>;

// A policy analysed: `compiled` where it was accepted, else `said` has the diagnostics.
struct Analysed {
    std::unique_ptr<tooling::LoadedPolicy> loaded{};
    const Compiled* compiled = nullptr;  // of `loaded`
    std::string said{};                  // as people read it
    const Diagnostics& diagnostics() const { return loaded->diagnostics; }
    bool has(Code code) const;
};
Analysed analysed(const std::string& policy, const FileTexts& files = {}, const std::string& name = "test.rules");

class Evaluators {
public:
    enum class Kernel { kToo, kNot };  // kNot: the oracle and the native evaluator alone
    // All three; without the kernel where programs may not be loaded. An error where the policy is refused by the
    // compiler, LLVM or the verifier, or takes more of the stack than it should.
    static Result<std::unique_ptr<Evaluators>> create(const std::string& policy, const FileTexts& files = {},
                                                      Kernel kernel = Kernel::kToo);
    static Result<std::unique_ptr<Evaluators>> create(Analysed analysed, Kernel kernel = Kernel::kToo);
    // True where the kernel's evaluator runs, too.
    static bool kernel_runs() { return tooling::kernel_is_allowed(); }

    // The oracle's judgement; what another evaluator said that differs from it is added to `difference`. A frame that
    // the kernel does not take is judged by the others alone.
    Judged judge(const Bytes& frame, std::string& difference, std::uint64_t time_ns = 0,
                 std::string_view interface = {}, packet::Direction direction = packet::Direction::kIn);
    // The same of a set that changes: does it contain the entry at that time?
    bool contains(policy::SetId set, const std::vector<policy::SetElement>& entry, std::uint64_t time_ns,
                  std::string& difference);
    // All of them as they were at the beginning.
    void reset();
    // True once one of them has evicted a key since the last reset: from then on they may differ.
    bool have_evicted();
    const Compiled& compiled() const { return *loaded_->compiled; }
    const tooling::LoadedPolicy& loaded() const { return *loaded_; }
    tooling::Evaluators& all() { return evaluators_; }
    // Frames that the kernel judged, and those that it does not take (too short or too long).
    std::uint64_t kernel_frames() const { return kernel_frames_; }
    // What this thread worked for the kernel to take the program, and the tables with it.
    double load_seconds() const { return load_seconds_; }

private:
    explicit Evaluators(std::unique_ptr<tooling::LoadedPolicy> loaded)
        : loaded_(std::move(loaded)), evaluators_(*loaded_->compiled) {}
    Status add(Kernel kernel);

    std::unique_ptr<tooling::LoadedPolicy> loaded_;
    tooling::Evaluators evaluators_;
    std::uint64_t kernel_frames_ = 0;
    double load_seconds_ = 0;
};

// The error's message; empty where they were created.
std::string why_not(const Result<std::unique_ptr<Evaluators>>& created);

}  // namespace weir::tests
