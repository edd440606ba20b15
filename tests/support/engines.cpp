#include "tests/support/engines.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <ctime>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "bpf/abi.h"
#include "grammar/render.h"
#include "tests/support/stack.h"

namespace weir::tests {
namespace {

// Of this thread, in the kernel, too: other work on the machine does not count.
double worked_seconds() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

}  // namespace

std::string to_string(const Judged& judged) {
    const std::string by = judged.by == Judged::By::kDefault     ? "default"
                           : judged.by == Judged::By::kMalformed ? "malformed"
                                                                 : std::to_string(judged.rule);
    std::vector<std::string> alerts;
    for (std::size_t i = 0; i < judged.alerts.size(); ++i)
        alerts.push_back(judged.suppressed[i] == WEIR_HELD_BACK
                             ? fmt::format("({})", judged.alerts[i])
                             : fmt::format("{}+{}", judged.alerts[i], judged.suppressed[i]));
    return fmt::format("verdict {} by {}, matched [{}], alerts [{}]", judged.verdict, by,
                       fmt::join(judged.matched, " "), fmt::join(alerts, " "));
}

bool Analysed::has(Code code) const {
    return std::any_of(diagnostics().all().begin(), diagnostics().all().end(),
                       [&](const Diagnostic& d) { return d.code == code; });
}

Analysed analysed(const std::string& policy, const FileTexts& files, const std::string& name) {
    sema::Files reader;
    reader.read = [&](const std::string& path) -> Result<std::string> {
        if (const auto found = files.find(path); found != files.end()) return found->second;
        return Error{"No such file or directory", {}, 0};
    };
    Analysed result;
    result.loaded = std::make_unique<tooling::LoadedPolicy>(tooling::analyse_text(name, policy, reader, {}));
    if (result.loaded->compiled) result.compiled = &*result.loaded->compiled;
    result.said = render(result.loaded->sources, result.loaded->diagnostics, DiagnosticFormat::kHuman, Colour::kOff);
    return result;
}

Status Evaluators::add(Kernel kernel) {
    for (const tooling::Evaluator one : {tooling::Evaluator::kOracle, tooling::Evaluator::kNative})
        if (Status added = evaluators_.add(one); !added) return added;
    if (kernel == Kernel::kNot || !kernel_runs()) return Done{};
    const auto object = compile(compiled(), {});
    if (!object) return object.error();
    for (const std::vector<std::uint8_t>* elf : {&object->elf, &object->egress_elf})
        if (const std::string complaint = elf->empty() ? "" : stack_complaint(*elf); !complaint.empty())
            return Error{complaint, {}, 0};
    const double before = worked_seconds();
    Status added = evaluators_.add_kernel(*object);
    load_seconds_ = worked_seconds() - before;
    return added;
}

Result<std::unique_ptr<Evaluators>> Evaluators::create(Analysed analysed, Kernel kernel) {
    if (analysed.compiled == nullptr) return Error{analysed.said, {}, 0};
    std::unique_ptr<Evaluators> evaluators(new Evaluators(std::move(analysed.loaded)));
    if (Status added = evaluators->add(kernel); !added) return added.error();
    return evaluators;
}

Result<std::unique_ptr<Evaluators>> Evaluators::create(const std::string& policy, const FileTexts& files,
                                                       Kernel kernel) {
    return create(analysed(policy, files), kernel);
}

std::string why_not(const Result<std::unique_ptr<Evaluators>>& created) {
    return created ? std::string() : created.error().message;
}

void Evaluators::reset() {
    if (!evaluators_.begin()) std::abort();
}

bool Evaluators::have_evicted() {
    const auto evicted = evaluators_.have_evicted();
    if (!evicted) std::abort();
    return *evicted;
}

bool Evaluators::contains(policy::SetId set, const std::vector<policy::SetElement>& entry, std::uint64_t time_ns,
                          std::string& difference) {
    auto membership = evaluators_.contains(set, entry, time_ns);
    if (membership) {
        difference += membership->difference;
        return membership->contains;
    }
    difference += membership.error().message + "\n";
    return false;
}

Judged Evaluators::judge(const Bytes& frame, std::string& difference, std::uint64_t time_ns, std::string_view interface,
                         packet::Direction direction) {
    Judged expected;
    for (const tooling::Evaluator one : evaluators_.added()) {
        const bool is_kernel = one == tooling::Evaluator::kKernel;
        if (is_kernel && !tooling::kernel_takes(frame, direction)) continue;
        if (is_kernel) ++kernel_frames_;
        auto judged = evaluators_.judge_with(one, frame, time_ns, interface, direction);
        if (!judged)
            difference += fmt::format("{}: {}\n", tooling::evaluator_name(one), judged.error().message);
        else if (one == tooling::Evaluator::kOracle)
            expected = std::move(*judged);
        else if (*judged != expected)
            difference += fmt::format("oracle: {}\n{}: {}\n", to_string(expected), tooling::evaluator_name(one),
                                      to_string(*judged));
    }
    return expected;
}

}  // namespace weir::tests
