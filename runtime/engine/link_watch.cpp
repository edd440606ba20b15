// Tested by tests/kernel/links_test.cpp with `link`.
#include "runtime/engine/link_watch.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>

#include "runtime/kernel.h"

namespace weir::runtime {

Result<LinkWatch> LinkWatch::create() {
    UniqueFd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = RTMGRP_LINK;
    if (!fd || bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0)
        return kernel_error(errno, "listening for interfaces that come and go");
    return LinkWatch(std::move(fd));
}

bool LinkWatch::step() {
    char message[1 << 14];  // what it says does not matter: all interfaces are looked at
    bool any = false;
    for (;;) {
        const ssize_t got = recv(socket_.get(), message, sizeof(message), 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno != ENOBUFS) return any;
        any = true;
    }
}

}  // namespace weir::runtime
