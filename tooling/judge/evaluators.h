// The three opinions about a packet, behind one door.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "compiler/codegen/native.h"
#include "compiler/compiler.h"
#include "compiler/oracle/evaluate.h"
#include "grammar/base/result.h"
#include "runtime/trial_run.h"

namespace weir::tooling {

// What one packet met. Rule and alert numbers are the policy's.
struct Judged {
    enum class By : std::uint8_t { kRule, kDefault, kMalformed };
    std::uint32_t verdict = 0;  // enum weir_verdict
    By by = By::kDefault;
    std::uint32_t rule = 0;
    std::vector<std::uint32_t> matched{};
    std::vector<std::uint32_t> alerts{};

    friend bool operator==(const Judged&, const Judged&) = default;
};

std::string_view verdict_name(std::uint32_t verdict);
// "drop by known_bad", "pass by default", with what matched and was alerted: for people.
std::string describe(const Judged& judged, const policy::TypedPolicy& policy);

class Evaluators {
public:
    // `which`: kernel, native, oracle, all, or empty for kernel where allowed, else native.
    static Result<Evaluators> create(const Compiled& compiled, const std::string& which);

    // One judgement. Where several engines ran and differed, says so in `difference`.
    Result<Judged> judge(std::span<const std::uint8_t> frame, std::uint64_t time_ns, std::string& difference);
    // Empty state, clock at 0.
    Status reset();
    // Does the set, one that changes, contain the entry at `time_ns`? As judge() of engines that differ.
    Result<bool> contains(policy::SetId set, const std::vector<policy::SetElement>& entry, std::uint64_t time_ns,
                          std::string& difference);
    // "kernel", "native", "oracle" or "all".
    const std::string& name() const { return name_; }
    // Frames that the kernel would not take and the native engine judged.
    std::uint64_t judged_natively() const { return judged_natively_; }

private:
    const Compiled* compiled_ = nullptr;
    std::string name_;
    std::unique_ptr<runtime::TestRunner> kernel_;
    std::unique_ptr<codegen::NativeEngine> native_;
    std::optional<oracle::Oracle> oracle_;
    std::uint64_t judged_natively_ = 0;

    Status need_native();
};

}  // namespace weir::tooling
