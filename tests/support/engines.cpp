#include "tests/support/engines.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "compiler/codegen/state_tables.h"
#include "compiler/policy/identity.h"
#include "grammar/render.h"
#include "tests/support/stack.h"

namespace weir::tests {
namespace {

Judged judged_from(const oracle::Judgement& judgement) {
    Judged judged;
    judged.verdict = static_cast<std::uint32_t>(judgement.verdict.kind);
    judged.rule = judgement.rule           ? static_cast<std::uint32_t>(*judgement.rule)
                  : judgement.by_malformed ? WEIR_RULE_MALFORMED
                                           : WEIR_RULE_DEFAULT;
    for (const policy::RuleId rule : judgement.matched) judged.matched.push_back(static_cast<std::uint32_t>(rule));
    for (const policy::AlertId alert : judgement.alerts) judged.alerts.push_back(static_cast<std::uint32_t>(alert));
    return judged;
}

template <typename Trace>
Judged judged_from(const Trace& trace) {
    return {trace.verdict, trace.rule, trace.matched, trace.alerts};
}

// Of this thread, in the kernel, too: other work on the machine does not count.
double worked_seconds() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

}  // namespace

bool Judged::has_matched(std::size_t number) const {
    return std::find(matched.begin(), matched.end(), number) != matched.end();
}

std::string to_string(const Judged& judged) {
    const std::string by = judged.rule == WEIR_RULE_DEFAULT     ? "default"
                           : judged.rule == WEIR_RULE_MALFORMED ? "malformed"
                                                                : std::to_string(judged.rule);
    return fmt::format("verdict {} by {}, matched [{}], alerts [{}]", judged.verdict, by,
                       fmt::join(judged.matched, " "), fmt::join(judged.alerts, " "));
}

bool Analysed::has(Code code) const {
    return std::any_of(diagnostics.all().begin(), diagnostics.all().end(),
                       [&](const Diagnostic& d) { return d.code == code; });
}

Analysed analysed(const std::string& policy, const FileTexts& files, const std::string& name) {
    Analysed result;
    Sources sources;
    sema::Files reader;
    reader.read = [&](const std::string& path) -> Result<std::string> {
        if (const auto found = files.find(path); found != files.end()) return found->second;
        return Error{"No such file or directory", {}, 0};
    };
    std::optional<Compiled> compiled = analyse(sources, name, policy, reader, result.diagnostics);
    if (compiled) result.compiled = std::make_unique<Compiled>(std::move(*compiled));
    result.said = render(sources, result.diagnostics, DiagnosticFormat::kHuman, Colour::kOff);
    return result;
}

bool Evaluators::kernel_runs() {
    static const bool runs = runtime::TestRunner::allowed();
    return runs;
}

std::unique_ptr<Evaluators> Evaluators::create(Analysed analysed, std::string& error, Kernel kernel) {
    if (!analysed.compiled) {
        error = analysed.said;
        return nullptr;
    }
    auto engines = std::make_unique<Evaluators>();
    engines->compiled_ = std::move(analysed.compiled);
    auto native = codegen::NativeEngine::create(*engines->compiled_);
    if (!native) {
        error = native.error().message;
        return nullptr;
    }
    engines->native_ = std::move(*native);
    engines->oracle_.emplace(engines->compiled_->policy);
    if (kernel == Kernel::kNot || !kernel_runs()) return engines;
    const auto object = compile(*engines->compiled_, {});
    if (!object) {
        error = object.error().message;
        return nullptr;
    }
    error = stack_complaint(object->elf);
    if (!error.empty()) return nullptr;
    const double before = worked_seconds();
    auto runner = runtime::TestRunner::create(*object);
    engines->load_seconds_ = worked_seconds() - before;
    if (!runner) {
        error = runner.error().message;
        return nullptr;
    }
    engines->kernel_ = std::move(*runner);
    return engines;
}

std::unique_ptr<Evaluators> Evaluators::create(const std::string& policy, std::string& error, const FileTexts& files,
                                               Kernel kernel) {
    return create(analysed(policy, files), error, kernel);
}

void Evaluators::reset() {
    oracle_.emplace(compiled_->policy);
    native_->reset();
    if (kernel_ && !kernel_->reset()) std::abort();
}

bool Evaluators::have_evicted() const {
    if (oracle_->evictions() != 0 || native_->evictions() != 0) return true;
    if (!kernel_) return false;
    const auto evictions = kernel_->evictions();
    if (!evictions) std::abort();
    return *evictions != 0;
}

bool Evaluators::contains(policy::SetId set, const std::vector<policy::SetElement>& entry, std::uint64_t time_ns,
                          std::string& difference) {
    const bool expected = oracle_->contains(set, entry, time_ns);
    const policy::Set& typed = compiled_->policy.sets[static_cast<std::size_t>(set)];
    if (native_->contains(set, entry, time_ns) != expected)
        difference += fmt::format("native: `{}` differs\n", typed.name);
    if (!kernel_) return expected;
    const auto contains = kernel_->contains(policy::identity(typed), codegen::live_key(typed, entry), time_ns);
    if (!contains || *contains != expected) difference += fmt::format("kernel: `{}` differs\n", typed.name);
    return expected;
}

Judged Evaluators::judge(const Bytes& frame, std::string& difference, std::uint64_t time_ns) {
    Judged expected = judged_from(oracle_->judge(frame, time_ns));
    const auto compare = [&](const char* name, const Judged& other) {
        if (other == expected) return;
        difference += fmt::format("oracle: {}\n{}: {}\n", to_string(expected), name, to_string(other));
    };
    compare("native", judged_from(native_->judge(frame, time_ns)));
    if (kernel_ && runtime::TestRunner::accepts(frame.size())) {
        ++kernel_frames_;
        const auto trace = kernel_->judge(frame, time_ns);
        if (!trace)
            difference += "kernel: " + trace.error().message + "\n";
        else
            compare("kernel", judged_from(*trace));
    }
    return expected;
}

}  // namespace weir::tests
