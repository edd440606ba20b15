// Tested by tests/cli/import_test.py with `test_nft_text`.
#include "tooling/import/nft_links.h"

#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cctype>
#include <cstring>

#include "runtime/handles.h"

namespace weir::tooling::imports {
namespace {

struct NewLink {
    nlmsghdr head{};
    ifinfomsg link{};
    char attributes[128]{};

    void add(std::uint16_t type, std::string_view value) {
        rtattr attribute{static_cast<unsigned short>(RTA_LENGTH(value.size())), type};
        char* const at = reinterpret_cast<char*>(&head) + NLMSG_ALIGN(head.nlmsg_len);
        std::memcpy(at, &attribute, sizeof(attribute));
        std::memcpy(at + RTA_LENGTH(0), value.data(), value.size());
        head.nlmsg_len = static_cast<std::uint32_t>(NLMSG_ALIGN(head.nlmsg_len) + RTA_ALIGN(attribute.rta_len));
    }
};

bool is_made(int netlink, const std::string& name, std::string_view kind) {
    NewLink request;
    request.head.nlmsg_len = NLMSG_LENGTH(sizeof(ifinfomsg));
    request.head.nlmsg_type = RTM_NEWLINK;
    request.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK;
    request.add(IFLA_IFNAME, std::string_view(name.c_str(), name.size() + 1));
    // One attribute within another.
    const rtattr inner{static_cast<unsigned short>(RTA_LENGTH(kind.size())), IFLA_INFO_KIND};
    std::string info(reinterpret_cast<const char*>(&inner), sizeof(inner));
    request.add(IFLA_LINKINFO, info.append(kind));
    if (send(netlink, &request, request.head.nlmsg_len, 0) < 0) return false;
    struct {
        nlmsghdr head;
        nlmsgerr error;
        char rest[256];
    } answer{};
    return recv(netlink, &answer, sizeof(answer), 0) >= static_cast<ssize_t>(NLMSG_LENGTH(sizeof(nlmsgerr))) &&
           answer.head.nlmsg_type == NLMSG_ERROR && answer.error.error == 0;
}

bool is_of_name(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '-' || c == '@';
}

}  // namespace

std::optional<std::string> missing_link(std::string_view text, const NftRefusal& refusal) {
    if (refusal.message != "Interface does not exist") return std::nullopt;
    for (std::uint32_t line = 1; line < refusal.line; ++line) {
        const std::size_t end = text.find('\n');
        if (end == std::string_view::npos) return std::nullopt;
        text.remove_prefix(end + 1);
    }
    text.remove_prefix(std::min<std::size_t>(refusal.column - 1, text.size()));
    if (text.starts_with('"')) text.remove_prefix(1);
    const auto end = std::find_if_not(text.begin(), text.end(), is_of_name);
    std::string name(text.begin(), end);
    return name.empty() || name.size() >= IFNAMSIZ ? std::nullopt : std::optional(std::move(name));
}

void make_link(const std::string& name) {
    const runtime::UniqueFd netlink(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    if (netlink.get() < 0) return;
    for (const std::string_view kind : {"dummy", "bridge", "veth"})  // which the kernel has
        if (is_made(netlink.get(), name, kind)) return;
}

}  // namespace weir::tooling::imports
