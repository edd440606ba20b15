// Tested by tests/kernel/flows_test.cpp with `list_flows`.
#include "runtime/engine/flow_list.h"

#include <netinet/in.h>

#include <algorithm>

#include <fmt/format.h>

#include "runtime/kernel.h"
#include "runtime/sinks/event_text.h"
#include "runtime/state/flow_table.h"

namespace weir::runtime {
namespace {

std::string protocol_of(std::uint32_t number) {
    switch (number) {
        case IPPROTO_TCP: return "tcp";
        case IPPROTO_UDP: return "udp";
        case IPPROTO_SCTP: return "sctp";
        case IPPROTO_ICMP: return "icmp";
        case IPPROTO_ICMPV6: return "icmp6";
        default: return std::to_string(number);
    }
}

std::string end_text(const FlowEntry& entry, std::size_t side, std::uint32_t protocol) {
    const bool is_ip6 = (entry.flow.state & WEIR_FLOW_IP6) != 0;
    const std::string address = address_text(entry.rest.addresses[side], is_ip6 ? 6 : 4);
    const bool has_port = protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP;
    if (!has_port) return address;
    return fmt::format("{}{}{}:{}", is_ip6 ? "[" : "", address, is_ip6 ? "]" : "", entry.rest.ports[side]);
}

std::uint64_t since(std::uint64_t then_ns, std::uint64_t now_ns) { return now_ns > then_ns ? now_ns - then_ns : 0; }

ListedFlow listed(const FlowEntry& entry, std::uint64_t now_ns) {
    const std::uint32_t state = entry.flow.state, protocol = state >> WEIR_FLOW_PROTO_SHIFT,
                        both = WEIR_FLOW_SEEN | WEIR_FLOW_SEEN << 1, whole = WEIR_FLOW_ESTABLISHED | WEIR_FLOW_FROM_SYN;
    const std::size_t client = (state & WEIR_FLOW_CLIENT) != 0 ? 1 : 0;
    ListedFlow flow;
    flow.protocol = protocol_of(protocol);
    flow.client = end_text(entry, client, protocol);
    flow.server = end_text(entry, 1 - client, protocol);
    flow.state = (state & WEIR_FLOW_ESTABLISHED) != 0 ? "established" : (state & both) == both ? "answered" : "new";
    flow.packets = entry.flow.packets;
    flow.bytes = entry.flow.bytes;
    flow.age_ns = since(entry.flow.first_ns, now_ns);
    flow.idle_ns = since(entry.flow.last_ns, now_ns);
    if ((state & whole) == whole) flow.rtt_ns = entry.rest.handshake_ns;
    flow.is_of_socket = (state & WEIR_FLOW_SOCKET) != 0;
    return flow;
}

}  // namespace

Result<FlowList> list_flows(int map, std::size_t top) {
    const auto table = FlowTable::open(map);
    if (!table) return table.error();
    const std::uint64_t now_ns = monotonic_ns();
    FlowList list;
    std::vector<FlowEntry> largest;  // a heap: the least of them first
    const auto more = [](const FlowEntry& a, const FlowEntry& b) { return a.flow.bytes > b.flow.bytes; };
    table->each(now_ns, [&](const FlowEntry& entry) {
        ++list.flows;
        if (largest.size() == top) {
            if (top == 0 || !more(entry, largest.front())) return true;
            std::pop_heap(largest.begin(), largest.end(), more);
            largest.pop_back();
        }
        largest.push_back(entry);
        std::push_heap(largest.begin(), largest.end(), more);
        return true;
    });
    std::sort_heap(largest.begin(), largest.end(), more);
    for (const FlowEntry& entry : largest) list.top.push_back(listed(entry, now_ns));
    return list;
}

}  // namespace weir::runtime
