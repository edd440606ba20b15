// Flows as people and scripts read them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "grammar/base/result.h"

namespace weir::runtime {

struct ListedFlow {
    std::string protocol;        // "tcp", "udp", "sctp", "icmp", "icmp6", else its number
    std::string client, server;  // "192.0.2.1:443", "[2001:db8::1]:443"; without ports where there are none
    std::string state;           // "new": one side has sent; "answered"; "established"
    std::uint64_t packets = 0, bytes = 0;
    std::uint64_t age_ns = 0;   // since its first packet
    std::uint64_t idle_ns = 0;  // since its last one
    std::optional<std::uint64_t> rtt_ns{};
    bool is_of_socket = false;  // the host's, from before flows were remembered: counts and age begin there
};
struct FlowList {
    std::uint64_t flows = 0;        // there are
    std::vector<ListedFlow> top{};  // most bytes first
};

// `map`: the table of flows. The `top` flows with most bytes.
Result<FlowList> list_flows(int map, std::size_t top);

}  // namespace weir::runtime
