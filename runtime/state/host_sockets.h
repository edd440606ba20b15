// The host's TCP connections as flows: those that were there before a policy read flows.
#pragma once

#include <cstdint>
#include <vector>

#include "grammar/base/result.h"
#include "runtime/state/flow_table.h"

namespace weir::runtime {

// The sockets of this network namespace that are established or about to close, by sock_diag(7), as established flows.
// The client is the host, unless it listens on the socket's local port.
Result<std::vector<FlowEntry>> host_flows(std::uint64_t now_ns);

// Enters them where no packet has. How many had no room.
Result<std::uint64_t> enter_host_flows(FlowTable& table, std::uint64_t now_ns);

}  // namespace weir::runtime
