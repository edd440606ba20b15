// Tested by tests/kernel/owner_test.cpp.
#include "runtime/engine/hook.h"

#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include <fmt/format.h>

#include <bpf/bpf.h>

#include "runtime/handles.h"
#include "runtime/kernel.h"

namespace weir::runtime {
namespace {

// The attributes in `bytes`: calls `visit` with each one's type and content.
template <typename Visit>
void each_attribute(std::span<const std::uint8_t> bytes, Visit visit) {
    while (bytes.size() >= sizeof(nlattr)) {
        nlattr head{};
        std::memcpy(&head, bytes.data(), sizeof(head));
        if (head.nla_len < sizeof(head) || head.nla_len > bytes.size()) return;
        visit(head.nla_type & NLA_TYPE_MASK, bytes.subspan(sizeof(head), head.nla_len - sizeof(head)));
        bytes = bytes.subspan(std::min<std::size_t>(NLA_ALIGN(head.nla_len), bytes.size()));
    }
}

template <typename Number>
Number number(std::span<const std::uint8_t> bytes) {
    Number value{};
    std::memcpy(&value, bytes.data(), std::min(sizeof(value), bytes.size()));
    return value;
}

OnHook read_xdp(std::span<const std::uint8_t> attributes) {
    OnHook on;
    std::uint32_t in_driver = 0, in_stack = 0, offloaded = 0;
    each_attribute(attributes, [&](int type, std::span<const std::uint8_t> content) {
        if (type != IFLA_XDP) return;
        std::uint32_t any = 0;
        std::uint8_t attached = XDP_ATTACHED_NONE;
        each_attribute(content, [&](int inner, std::span<const std::uint8_t> value) {
            if (inner == IFLA_XDP_ATTACHED) attached = number<std::uint8_t>(value);
            if (inner == IFLA_XDP_PROG_ID) any = number<std::uint32_t>(value);
            if (inner == IFLA_XDP_DRV_PROG_ID) in_driver = number<std::uint32_t>(value);
            if (inner == IFLA_XDP_SKB_PROG_ID) in_stack = number<std::uint32_t>(value);
            if (inner == IFLA_XDP_HW_PROG_ID) offloaded = number<std::uint32_t>(value);
        });
        // Without several programs the kernel may name the one and its mode alone.
        if (attached == XDP_ATTACHED_DRV && in_driver == 0) in_driver = any;
        if (attached == XDP_ATTACHED_SKB && in_stack == 0) in_stack = any;
        if (attached == XDP_ATTACHED_HW && offloaded == 0) offloaded = any;
    });
    for (const std::uint32_t program : {offloaded, in_driver, in_stack})
        if (program != 0) on.programs.push_back(program);
    if (in_stack != 0 && in_driver == 0) on.mode = AttachMode::kGeneric;
    return on;
}

// One interface is asked for by number: a dump of all of them may leave one out while others come and go.
Result<OnHook> query_xdp(unsigned index) {
    const std::string what = fmt::format("asking what is attached to interface {}", index);
    const UniqueFd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    struct {
        nlmsghdr head;
        ifinfomsg interface;
    } request{};
    request.head.nlmsg_len = sizeof(request);
    request.head.nlmsg_type = RTM_GETLINK;
    request.head.nlmsg_flags = NLM_F_REQUEST;
    request.interface.ifi_index = static_cast<int>(index);
    if (!fd || send(fd.get(), &request, sizeof(request), 0) != sizeof(request)) return kernel_error(errno, what);
    std::vector<std::uint8_t> answer(1 << 16);  // an interface with hundreds of virtual functions says less
    ssize_t got = 0;
    do got = recv(fd.get(), answer.data(), answer.size(), 0);
    while (got < 0 && errno == EINTR);
    if (got < 0) return kernel_error(errno, what);
    const std::span<const std::uint8_t> bytes(answer.data(), static_cast<std::size_t>(got));
    const auto head = number<nlmsghdr>(bytes);
    if (bytes.size() < sizeof(nlmsghdr) + sizeof(ifinfomsg)) return kernel_error(EBADMSG, what);
    if (head.nlmsg_type == NLMSG_ERROR)
        return kernel_error(number<nlmsgerr>(bytes.subspan(sizeof(nlmsghdr))).error, what);
    return read_xdp(bytes.subspan(NLMSG_LENGTH(NLMSG_ALIGN(sizeof(ifinfomsg)))));
}

unsigned xdp_link_interface(const bpf_link_info& link) { return link.xdp.ifindex; }

// Of linux/bpf.h from Linux 6.6 on.
constexpr auto kTcxEgress = static_cast<bpf_attach_type>(47);
constexpr auto kTcxLink = static_cast<bpf_link_type>(11);

// struct bpf_link_info.tcx begins as .xdp does: with the interface.
static_assert(offsetof(bpf_link_info, xdp.ifindex) == offsetof(bpf_link_info, raw_tracepoint));

Result<OnHook> query_egress(unsigned index) {
    OnHook on;
    std::uint32_t programs[64] = {}, count = std::size(programs), flags = 0;
    if (bpf_prog_query(static_cast<int>(index), kTcxEgress, 0, &flags, programs, &count) != 0)
        return kernel_error(errno, fmt::format("asking what is attached to the egress hook of interface {}", index));
    on.programs.assign(programs, programs + std::min<std::size_t>(count, std::size(programs)));
    return on;
}

constexpr Hook::Mode kEgressModes[] = {{AttachMode::kNative, 0, "native"}};

constexpr Hook::Mode kXdpModes[] = {{AttachMode::kNative, XDP_FLAGS_DRV_MODE, "native"},
                                    {AttachMode::kGeneric, XDP_FLAGS_SKB_MODE, "generic"}};

}  // namespace

const Hook kXdpHook = {"XDP",     bpf::Direction::kIn, BPF_XDP,   BPF_LINK_TYPE_XDP,
                       kXdpModes, xdp_link_interface,  query_xdp, "ip link set dev {} xdp off",
                       "link-"};
const Hook kEgressHook = {"TCX",         bpf::Direction::kOut, kTcxEgress,   kTcxLink,
                          kEgressModes,  xdp_link_interface,   query_egress, "bpftool net detach tcx_egress dev {}",
                          "egress-link-"};

Status check_egress_hook(unsigned index) {
    const auto on = query_egress(index);
    if (on || on.error().number == ENODEV) return Done{};
    if (on.error().number != EINVAL) return on.error();
    return Error{
        "this kernel has no TCX, the hook on which packets on their way out are judged",
        "kernels from 6.6 on have it; without rules marked `egress` and `default egress` the policy needs none",
        ENOTSUP};
}

const Hook::Mode& hook_mode(const Hook& hook, AttachMode mode) {
    for (const Hook::Mode& row : hook.modes)
        if (row.mode == mode) return row;
    return hook.modes.front();
}

}  // namespace weir::runtime
