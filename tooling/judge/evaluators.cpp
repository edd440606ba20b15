#include "tooling/judge/evaluators.h"

#include <fmt/format.h>

#include "bpf/abi.h"
#include "compiler/codegen/state_tables.h"
#include "compiler/policy/identity.h"

namespace weir::tooling {
namespace {

// Any engine's numbers as a Judged.
template <typename Trace>
Judged judged_from(const Trace& trace) {
    Judged judged;
    judged.verdict = trace.verdict;
    judged.matched = trace.matched;
    judged.alerts = trace.alerts;
    if (trace.rule == WEIR_RULE_MALFORMED)
        judged.by = Judged::By::kMalformed;
    else if (trace.rule != WEIR_RULE_DEFAULT)
        judged.by = Judged::By::kRule, judged.rule = trace.rule;
    return judged;
}

Judged judged_from(const oracle::Judgement& judgement) {
    Judged judged;
    judged.verdict = static_cast<std::uint32_t>(judgement.verdict.kind);
    if (judgement.rule)
        judged.by = Judged::By::kRule, judged.rule = static_cast<std::uint32_t>(*judgement.rule);
    else if (judgement.by_malformed)
        judged.by = Judged::By::kMalformed;
    for (const policy::RuleId rule : judgement.matched) judged.matched.push_back(static_cast<std::uint32_t>(rule));
    for (const policy::AlertId alert : judgement.alerts) judged.alerts.push_back(static_cast<std::uint32_t>(alert));
    return judged;
}

}  // namespace

std::string_view verdict_name(std::uint32_t verdict) {
    constexpr std::string_view kNames[] = {"pass", "drop", "reject", "redirect"};
    return verdict < std::size(kNames) ? kNames[verdict] : "none";
}

std::string describe(const Judged& judged, const policy::TypedPolicy& policy) {
    std::string text(verdict_name(judged.verdict));
    if (judged.by == Judged::By::kRule)
        text += " by " + policy.rules[judged.rule].name;
    else
        text += judged.by == Judged::By::kMalformed ? " by malformed" : " by default";
    for (const std::uint32_t alert : judged.alerts) text += ", alert " + policy.alerts[alert].name;
    return text;
}

Status Evaluators::need_native() {
    if (native_) return Done{};
    auto native = codegen::NativeEngine::create(*compiled_);
    if (!native) return native.error();
    native_ = std::move(*native);
    return Done{};
}

Result<Evaluators> Evaluators::create(const Compiled& compiled, const std::string& which) {
    Evaluators engines;
    engines.compiled_ = &compiled;
    engines.name_ = !which.empty() ? which : runtime::TestRunner::allowed() ? "kernel" : "native";
    const bool all = engines.name_ == "all";
    if (all || engines.name_ == "kernel") {
        const auto object = compile(compiled, {});
        if (!object) return object.error();
        auto runner = runtime::TestRunner::create(*object);
        if (!runner) return runner.error();
        engines.kernel_ = std::move(*runner);
    }
    if (all || engines.name_ == "native")
        if (Status ready = engines.need_native(); !ready) return ready.error();
    if (all || engines.name_ == "oracle") engines.oracle_.emplace(compiled.policy);
    return engines;
}

Status Evaluators::reset() {
    if (oracle_) oracle_.emplace(compiled_->policy);
    if (native_) native_->reset();
    return kernel_ ? kernel_->reset() : Done{};
}

Result<bool> Evaluators::contains(policy::SetId set, const std::vector<policy::SetElement>& entry,
                                  std::uint64_t time_ns, std::string& difference) {
    const policy::Set& typed = compiled_->policy.sets[static_cast<std::size_t>(set)];
    std::optional<bool> first;
    const auto agree = [&](bool contains, const char* name) {
        if (!first)
            first = contains;
        else if (*first != contains)
            difference =
                fmt::format("{} says that `{}` {} it", name, typed.name, contains ? "contains" : "does not contain");
    };
    if (kernel_) {
        auto contains = kernel_->contains(policy::identity(typed), codegen::live_key(typed, entry), time_ns);
        if (!contains) return contains.error();
        agree(*contains, "kernel");
    }
    if (native_ && name_ != "kernel") agree(native_->contains(set, entry, time_ns), "native");
    if (oracle_) agree(oracle_->contains(set, entry, time_ns), "oracle");
    return *first;
}

Result<Judged> Evaluators::judge(std::span<const std::uint8_t> frame, std::uint64_t time_ns, std::string& difference) {
    std::optional<Judged> first;
    std::string first_name;
    const auto agree = [&](Judged judged, const char* name) {
        if (!first) {
            first = std::move(judged);
            first_name = name;
        } else if (*first != judged && difference.empty()) {
            difference = fmt::format("{}: {}; {}: {}", first_name, describe(*first, compiled_->policy), name,
                                     describe(judged, compiled_->policy));
        }
    };
    if (kernel_ && runtime::TestRunner::accepts(frame.size())) {
        auto trace = kernel_->judge(frame, time_ns);
        if (!trace) return trace.error();
        agree(judged_from(*trace), "kernel");
    } else if (kernel_) {
        ++judged_natively_;
        if (Status ready = need_native(); !ready) return ready.error();
        if (name_ == "kernel") agree(judged_from(native_->judge(frame, time_ns)), "native");
    }
    if (native_ && name_ != "kernel") agree(judged_from(native_->judge(frame, time_ns)), "native");
    if (oracle_) agree(judged_from(oracle_->judge(frame, time_ns)), "oracle");
    return std::move(*first);
}

}  // namespace weir::tooling
