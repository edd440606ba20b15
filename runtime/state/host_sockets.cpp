// Tested by tests/kernel/flows_test.cpp with `host_flows`.
#include "runtime/state/host_sockets.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <set>
#include <tuple>

#include "bpf/print.h"
#include "runtime/handles.h"
#include "runtime/kernel.h"
#include "runtime/print_seed.h"

namespace weir::runtime {
namespace {

// include/net/tcp_states.h
enum TcpState : std::uint32_t {
    kEstablished = 1,
    kFinWait1 = 4,
    kFinWait2 = 5,
    kCloseWait = 8,
    kLastAck = 9,
    kListen = 10,
    kClosing = 11
};
constexpr std::uint32_t bit(TcpState state) { return 1u << state; }
constexpr std::uint32_t kOpenStates =
    bit(kEstablished) | bit(kFinWait1) | bit(kFinWait2) | bit(kCloseWait) | bit(kLastAck) | bit(kClosing);

struct Socket {
    std::array<std::uint32_t, 4> local{}, remote{};  // as in struct weir_packet
    std::uint16_t local_port = 0, remote_port = 0;
    std::uint8_t version = 4;
    bool listens = false;
};

Error failed(int number) { return kernel_error(number, "asking the kernel for the host's connections (sock_diag)"); }

Status ask(int fd, int family) {
    struct {
        nlmsghdr head;
        inet_diag_req_v2 request;
    } message{};
    message.head.nlmsg_len = sizeof(message);
    message.head.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    message.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    message.request.sdiag_family = static_cast<std::uint8_t>(family);
    message.request.sdiag_protocol = IPPROTO_TCP;
    message.request.idiag_states = kOpenStates | bit(kListen);
    sockaddr_nl kernel{};
    kernel.nl_family = AF_NETLINK;
    if (sendto(fd, &message, sizeof(message), 0, reinterpret_cast<const sockaddr*>(&kernel), sizeof(kernel)) < 0)
        return failed(errno);
    return Done{};
}

// An IPv4 address that a socket of IPv6 has is one of IPv4 on the wire.
constexpr std::uint32_t kMapped = 0xffff;
Socket socket_of(const inet_diag_msg& said) {
    Socket socket;
    const auto words = [](const __be32(&from)[4]) {
        std::array<std::uint32_t, 4> to{};
        std::transform(std::begin(from), std::end(from), to.begin(), [](__be32 word) { return ntohl(word); });
        return to;
    };
    socket.local = words(said.id.idiag_src);
    socket.remote = words(said.id.idiag_dst);
    socket.local_port = ntohs(said.id.idiag_sport);
    socket.remote_port = ntohs(said.id.idiag_dport);
    socket.listens = said.idiag_state == kListen;
    const auto is_mapped = [](const std::array<std::uint32_t, 4>& words6) {
        return words6[0] == 0 && words6[1] == 0 && words6[2] == kMapped;
    };
    if (said.idiag_family == AF_INET) {
        for (auto* words4 : {&socket.local, &socket.remote}) *words4 = {(*words4)[0], 0, 0, 0};
    } else if (is_mapped(socket.local) && is_mapped(socket.remote)) {
        for (auto* words4 : {&socket.local, &socket.remote}) *words4 = {(*words4)[3], 0, 0, 0};
    } else {
        socket.version = 6;
    }
    return socket;
}

// All that the kernel says until it is done.
Status receive(int fd, std::vector<Socket>& sockets) {
    alignas(nlmsghdr) std::array<char, 32768> buffer;
    for (;;) {
        const ssize_t received = recv(fd, buffer.data(), buffer.size(), 0);
        if (received < 0 && errno == EINTR) continue;
        if (received < 0) return failed(errno);
        auto left = static_cast<unsigned>(received);
        for (auto* head = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(head, left);
             head = NLMSG_NEXT(head, left)) {
            if (head->nlmsg_type == NLMSG_DONE) return Done{};
            if (head->nlmsg_type == NLMSG_ERROR) {
                const auto* fault = static_cast<const nlmsgerr*>(NLMSG_DATA(head));
                // ENOENT: the kernel has no inet_diag of that family, and no sockets of it either.
                return fault->error == -ENOENT ? Status(Done{}) : failed(-fault->error);
            }
            if (head->nlmsg_len < NLMSG_LENGTH(sizeof(inet_diag_msg))) continue;
            inet_diag_msg said{};
            std::memcpy(&said, NLMSG_DATA(head), sizeof(said));
            sockets.push_back(socket_of(said));
        }
    }
}

// As bpf/templates/flows.h has it.
FlowEntry entry_of(const Socket& socket, bool is_local_client, std::uint64_t now_ns) {
    const std::uint32_t local_side =
        std::tie(socket.local, socket.local_port) > std::tie(socket.remote, socket.remote_port) ? 1 : 0;
    FlowEntry entry;
    weir_flow_rest& rest = entry.rest;
    std::copy(socket.local.begin(), socket.local.end(), rest.addresses[local_side]);
    std::copy(socket.remote.begin(), socket.remote.end(), rest.addresses[1 - local_side]);
    rest.ports[local_side] = socket.local_port;
    rest.ports[1 - local_side] = socket.remote_port;
    const auto& by = print_seed();
    const __u64 seed[] = {by[0], by[1], by[2], by[3]};
    std::uint64_t print =
        (rest.ports[0] | std::uint64_t{rest.ports[1]} << 16) << 32 | std::uint64_t{IPPROTO_TCP} << 8 | socket.version;
    for (std::size_t i = 0; i < (socket.version == 6 ? 4u : 1u); ++i)
        print = weir_print_step(seed, print, rest.addresses[0][i] | std::uint64_t{rest.addresses[1][i]} << 32);
    entry.flow.print = print != 0 ? print : 1;
    entry.flow.first_ns = entry.flow.last_ns = now_ns;
    entry.flow.state = std::uint32_t{IPPROTO_TCP} << WEIR_FLOW_PROTO_SHIFT | WEIR_FLOW_SEEN | WEIR_FLOW_SEEN << 1 |
                       WEIR_FLOW_ESTABLISHED | WEIR_FLOW_SOCKET;
    if ((is_local_client ? local_side : 1 - local_side) == 1) entry.flow.state |= WEIR_FLOW_CLIENT;
    if (socket.version == 6) entry.flow.state |= WEIR_FLOW_IP6;
    return entry;
}

}  // namespace

Result<std::vector<FlowEntry>> host_flows(std::uint64_t now_ns) {
    const UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
    if (!fd) return failed(errno);
    std::vector<Socket> sockets;
    for (const int family : {AF_INET, AF_INET6}) {
        if (Status asked = ask(fd.get(), family); !asked) return asked.error();
        if (Status received = receive(fd.get(), sockets); !received) return received.error();
    }
    std::set<std::uint16_t> listened;
    for (const Socket& socket : sockets)
        if (socket.listens) listened.insert(socket.local_port);
    std::vector<FlowEntry> flows;
    for (const Socket& socket : sockets)
        if (!socket.listens) flows.push_back(entry_of(socket, !listened.contains(socket.local_port), now_ns));
    return flows;
}

Result<std::uint64_t> enter_host_flows(FlowTable& table, std::uint64_t now_ns) {
    const auto flows = host_flows(now_ns);
    if (!flows) return flows.error();
    std::uint64_t refused = 0;
    for (const FlowEntry& flow : *flows) refused += table.put(flow, now_ns) ? 0 : 1;
    return refused;
}

}  // namespace weir::runtime
