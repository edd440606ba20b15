// Tested by tests/cli/live_test.py with `READY=1`.
#include "service/notify.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstdlib>
#include <cstring>

#include "runtime/handles.h"
#include "runtime/kernel.h"

namespace weir::service {

void notify_service(const std::string& state) {
    const char* path = std::getenv("NOTIFY_SOCKET");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path == nullptr || (*path != '/' && *path != '@') || std::strlen(path) >= sizeof(address.sun_path)) return;
    std::memcpy(address.sun_path, path, std::strlen(path));
    if (*path == '@') address.sun_path[0] = '\0';  // a name that is no file
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(path));
    const runtime::UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    // Who does not listen is not told: that must not stop the engine.
    if (fd)
        static_cast<void>(
            sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<sockaddr*>(&address), length));
}

Watchdog::Watchdog() {
    const char* period_us = std::getenv("WATCHDOG_USEC");
    if (period_us != nullptr) period_ns_ = std::strtoull(period_us, nullptr, 10) * 1000;
}

void Watchdog::beat() {
    const std::uint64_t now_ns = runtime::monotonic_ns();
    if (period_ns_ == 0 || now_ns - last_ns_ < period_ns_ / 3) return;
    last_ns_ = now_ns;
    notify_service("WATCHDOG=1");
}

}  // namespace weir::service
