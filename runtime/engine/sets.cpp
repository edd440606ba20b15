// Sets of the policy in force that change while it runs.
// Tested by tests/kernel/state_test.cpp with `set(`.
#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

#include "runtime/engine/state.h"

namespace weir::runtime {

const std::vector<bpf::SetInfo>& Engine::sets() const { return state_->active->generation.manifest->sets; }

Result<LiveSet> Engine::set(const std::string& name) const {
    const Loaded& active = *state_->active;
    std::string others;
    for (const bpf::SetInfo& info : active.generation.manifest->sets) {
        if (info.name == name) return LiveSet::open(info, active.program.state().fd(info.identity), &state_->changer);
        others += (others.empty() ? "" : ", ") + info.name;
    }
    return Error{fmt::format("the policy has no set `{}`", name),
                 others.empty() ? "it has none at all" : "it has " + others, ENOENT};
}

void Engine::tidy_sets() {
    const auto& all = sets();
    if (std::any_of(all.begin(), all.end(), [](const bpf::SetInfo& info) { return info.dynamic; }))
        state_->changer.prepare();
    state_->upkeep.begin(state_->active->program.state().counted());
}

// With descriptors of their own. One that cannot be had is missing: the kernel has no room for anything then.
std::vector<SavedSet> Engine::State::changing_sets(const Loaded& loaded) const {
    std::vector<SavedSet> sets;
    for (const bpf::SetInfo& info : loaded.generation.manifest->sets)
        if (info.dynamic) sets.push_back({info, duplicate(loaded.program.state().fd(info.identity))});
    return sets;
}

}  // namespace weir::runtime
