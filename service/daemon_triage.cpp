// What models make of alerts: a line in the log, an event for those that follow, and proposals, which are checked by
// the compiler's process and become files.
// Tested by tests/cli/llm_test.py with `proposals`.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "runtime/kernel.h"
#include "service/daemon.h"
#include "service/proposal.h"

namespace weir::service {

void Daemon::take_notes() {
    for (runtime::TriageNote& note : triages_->taken()) {
        notice("sink " + note_line(note));
        engine_->note(note_eve(note, engine_->in_force().policy, runtime::realtime_ns()));
        if (!note.triage.proposal.empty()) check_proposal(std::move(note));
    }
}

void Daemon::check_proposal(runtime::TriageNote note) {
    constexpr std::size_t kMaxWaiting = 8;
    constexpr std::uint64_t kCpu_seconds = 30;  // a reload may wait for it
    const auto now = engine_->in_force();
    std::string why;
    if (triages_->options().folder.empty())
        why = "there is no folder for it: weir run --state DIR";
    else if (now.origin.files.empty() || now.origin.files.front().sha256.empty() || !has_file(now.origin))
        why = "the policy in force has no file";
    else if (waiting_.size() >= kMaxWaiting)
        why = "too many reloads wait";
    if (!why.empty()) return notice(fmt::format("a proposal of sink {} is dropped: {}", note.sink, why));
    Reload reload{request_, Why::kSignal};
    reload.how = How::kPropose;
    reload.request.file = now.origin.file;
    reload.request.proposal = note.triage.proposal;
    reload.request.sha256 = now.origin.files.front().sha256;
    reload.request.tests = TestsFirst::kRun;
    compare_with_policy_in_force(reload.request);
    reload.request.cpu_seconds = kCpu_seconds;
    reload.note = std::move(note);
    waiting_.push_back(std::move(reload));
}

// A model's words are quoted in the log as far as the first line of what is wrong with them.
void Daemon::end_proposal(const WorkerOutcome& outcome) {
    const Reload reload = std::move(*current_);
    current_.reset();
    notify_ready();
    if (outcome.status != kOk) {
        const std::string first = outcome.diagnostics.substr(0, outcome.diagnostics.find('\n'));
        return notice(fmt::format("a proposal of sink {} is refused: {}", reload.note.sink, first));
    }
    if (!is_with_proposal(outcome.text, reload.request.sha256, reload.request.proposal))
        return notice(
            fmt::format("a proposal of sink {} is refused: the compiler's answer is another text", reload.note.sink));
    const auto path = write_proposal(triages_->options().folder, reload.request.file, outcome.text, outcome.changes,
                                     reload.note, runtime::realtime_ns());
    if (!path) return notice(fmt::format("a proposal of sink {} is lost: {}", reload.note.sink, path.error().message));
    notice(fmt::format("sink {} proposes {}: checked, and its tests pass; nobody has put it in force", reload.note.sink,
                       *path));
    const bool is_awaited =
        std::any_of(waiting_.begin(), waiting_.end(), [](const Reload& one) { return one.how == How::kCompare; });
    if (!triages_->options().tries || candidate_ || is_awaited) return;  // a person's comes first
    Reload tried{request_, Why::kSignal};
    tried.how = How::kCompare;
    tried.request.file = *path;
    tried.request.options.include_dirs.push_back(tooling::folder_of(reload.request.file));
    waiting_.push_back(std::move(tried));
}

}  // namespace weir::service
