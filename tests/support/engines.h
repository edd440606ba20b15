// A policy's text on every engine that runs here, and what each says of a packet.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "compiler/codegen/native.h"
#include "compiler/compiler.h"
#include "compiler/oracle/evaluate.h"
#include "runtime/trial_run.h"
#include "tests/support/frames.h"

namespace weir::tests {

// What one packet met; numbers as in bpf/abi.h.
struct Judged {
    std::uint32_t verdict = 0;
    std::uint32_t rule = 0;
    std::vector<std::uint32_t> matched{};
    std::vector<std::uint32_t> alerts{};

    bool has_matched(std::size_t number) const;
    friend bool operator==(const Judged&, const Judged&) = default;
};
std::string to_string(const Judged& judged);

// Files that a policy may name, by path.
using FileTexts = std::map<std::string, std::string>;

// A policy analysed: `compiled` where it was accepted, else `said` has the diagnostics.
struct Analysed {
    std::unique_ptr<Compiled> compiled{};
    Diagnostics diagnostics{};
    std::string said{};  // as people read it
    bool has(Code code) const;
};
Analysed analysed(const std::string& policy, const FileTexts& files = {}, const std::string& name = "test.rules");

class Evaluators {
public:
    enum class Kernel { kToo, kNot };  // kNot: the oracle and the native engine alone
    // All three; without the kernel where programs may not be loaded. Where the policy is refused by the compiler, LLVM
    // or the verifier, or takes more of the stack than it should, nothing, and a sentence in `error`.
    static std::unique_ptr<Evaluators> create(const std::string& policy, std::string& error,
                                              const FileTexts& files = {}, Kernel kernel = Kernel::kToo);
    static std::unique_ptr<Evaluators> create(Analysed analysed, std::string& error, Kernel kernel = Kernel::kToo);
    // True where the kernel's engine runs, too.
    static bool kernel_runs();

    // The oracle's judgement; what another engine said that differs from it, in `difference`.
    Judged judge(const Bytes& frame, std::string& difference, std::uint64_t time_ns = 0);
    // The same of a set that changes: does it contain the entry at that time?
    bool contains(policy::SetId set, const std::vector<policy::SetElement>& entry, std::uint64_t time_ns,
                  std::string& difference);
    // All of them as they were at the beginning.
    void reset();
    // True once one of them has evicted a key since the last reset: from then on they may differ.
    bool have_evicted() const;
    const Compiled& compiled() const { return *compiled_; }
    // Frames that the kernel judged, and those that it does not take (too short or too long).
    std::uint64_t kernel_frames() const { return kernel_frames_; }
    // What this thread worked for the kernel to take the program, and the tables with it.
    double load_seconds() const { return load_seconds_; }

private:
    std::unique_ptr<Compiled> compiled_;
    std::unique_ptr<codegen::NativeEngine> native_;
    std::unique_ptr<runtime::TestRunner> kernel_;
    std::optional<oracle::Oracle> oracle_;
    std::uint64_t kernel_frames_ = 0;
    double load_seconds_ = 0;
};

}  // namespace weir::tests
