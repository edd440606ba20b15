// Flows of an engine: what was there before, and what is there now.
// Tested by tests/kernel/flows_test.cpp with `flows(`.
#include <cerrno>

#include <fmt/format.h>

#include "runtime/engine/state.h"
#include "runtime/kernel.h"
#include "runtime/state/host_sockets.h"

namespace weir::runtime {

// No connection hangs that was there before the first policy that reads flows.
void Engine::State::enter_host_flows(const Loaded& loaded) const {
    const StateMaps& state = loaded.program.state();
    if (state.flows() < 0 || state.has_earlier_flows()) return;
    auto table = FlowTable::open(state.flows());
    const auto refused =
        table ? runtime::enter_host_flows(*table, monotonic_ns()) : Result<std::uint64_t>(table.error());
    if (!refused)
        notice("connections that are open already are new flows to the policy: " + refused.error().message);
    else if (*refused != 0)
        notice(fmt::format("{} connections that are open already found no room among the flows", *refused));
}

Result<FlowList> Engine::flows(std::size_t top) const {
    const int map = state_->active->program.state().flows();
    if (map < 0)
        return Error{fmt::format("the policy {} reads no flows", state_->active->generation.manifest->policy),
                     "flows are remembered where a rule names a field of them: flow.established", ENOENT};
    return list_flows(map, top);
}

}  // namespace weir::runtime
