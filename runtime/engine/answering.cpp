// How an engine carries out `reject` and `redirect` on live interfaces.
// Tested by tests/cli/reject_test.py with `answers`.
#include <algorithm>

#include <fmt/format.h>

#include "runtime/engine/answers.h"
#include "runtime/engine/devices.h"
#include "runtime/engine/state.h"

namespace weir::runtime {

// Generic where native mode would lose what the policy sends.
AttachMode Engine::State::mode_for(const Interface& row) const {
    const bpf::Manifest& manifest = *active->generation.manifest;
    if (options.mode == AttachMode::kNative) warn_of_lost_answers(row, manifest);
    if (options.mode != AttachMode::kAuto) return options.mode;
    const std::string why = loses_answers(row.name, manifest);
    if (why.empty()) return options.mode;
    notice(fmt::format("{}: attached in generic mode, which is slower: {}", row.name, why));
    return AttachMode::kGeneric;
}

void Engine::State::warn_of_lost_answers(const Interface& row, const bpf::Manifest& manifest) const {
    if (const std::string why = loses_answers(row.name, manifest); !why.empty())
        notice(fmt::format("warning: {} is attached in native mode, and {}; `weir run --mode generic` has it arrive",
                           row.name, why));
}

// A link's mode cannot be changed without a gap: an interface that is attached natively stays so.
void Engine::State::warn_of_lost_answers(const bpf::Manifest& manifest) const {
    for (const Interface& row : interfaces.rows())
        if (row.attachment && row.attachment->mode() == AttachMode::kNative) warn_of_lost_answers(row, manifest);
}

// Interfaces may have come, gone or changed their names.
void Engine::State::direct_all() {
    if (!active) return;
    Status done = direct(active->program, *active->generation.manifest);
    for (const Loaded& old : history.kept())
        if (Status also = direct(old.program, *old.generation.manifest); done && !also) done = also;
    if (shadow)
        if (Status also = direct(shadow->live(), *active->generation.manifest); done && !also) done = also;
    const std::string problem = done ? std::string() : done.error().message;
    if (problem != direct_problem && !problem.empty()) report(problem);
    direct_problem = problem;
}

namespace {
std::vector<std::string> names_of(const Interfaces& interfaces) {
    std::vector<std::string> names;
    for (const Interface& row : interfaces.rows()) names.push_back(row.name);
    return names;
}
}  // namespace

// From the first policy that answers on, so that what the drivers say before it does not count.
void Engine::State::count_driver_losses() {
    if (active && answers(*active->generation.manifest))
        driver_losses.begin(names_of(interfaces), devices_of(*active->generation.manifest));
}

void Engine::State::fill_answers(EngineStatus& status, const Counts& counts) {
    const bpf::Manifest& manifest = *active->generation.manifest;
    const std::vector<std::string> devices = devices_of(manifest);
    DriverLosses::Sums lost;
    if (answers(manifest)) lost = driver_losses.count(names_of(interfaces), devices);
    runtime::fill_answers(status, accounts, counts, devices, lost);
}

}  // namespace weir::runtime
