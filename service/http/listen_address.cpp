// Tested by tests/unit/service/listen_address_test.cpp.
#include "service/http/listen_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include <fmt/format.h>

#include "runtime/kernel.h"
#include "service/control_path.h"

namespace weir::service::http {
namespace {

Error not_an_address(const std::string& text) {
    return {fmt::format("`{}` is not an address to listen at", text),
            "an address and a port, 127.0.0.1:9464 or [::1]:9464, or the path of a UNIX socket", EINVAL};
}

bool read_port(std::string_view text, std::uint16_t& port) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    return error == std::errc() && end == text.data() + text.size() && port != 0;
}

Result<runtime::UniqueFd> bound(int family, const sockaddr* address, socklen_t size, const std::string& text) {
    runtime::UniqueFd socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const int on = 1;
    if (socket && family != AF_UNIX) setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (socket && family == AF_INET6) setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (!socket || bind(socket.get(), address, size) != 0 || listen(socket.get(), SOMAXCONN) != 0) {
        Error error = runtime::kernel_error(errno, fmt::format("listening at {}", text));
        if (error.number == EADDRINUSE) error.help = "another program listens there: choose another port";
        if (error.number == EADDRNOTAVAIL) error.help = "that is not an address of this machine: ip addr";
        return error;
    }
    return socket;
}

Result<runtime::UniqueFd> open_unix(const ListenAddress& address) {
    const auto at = control_address(address.host);
    if (!at) return at.error();
    const auto* where = reinterpret_cast<const sockaddr*>(&*at);
    struct stat facts{};
    if (lstat(address.host.c_str(), &facts) == 0) {
        if (!S_ISSOCK(facts.st_mode))
            return Error{fmt::format("{} is there, and is not a socket", address.host), "choose another path", EEXIST};
        const runtime::UniqueFd knock(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        if (connect(knock.get(), where, sizeof(*at)) == 0 || errno != ECONNREFUSED)
            return Error{fmt::format("another program listens at {}", address.host), "choose another path", EADDRINUSE};
        unlink(address.host.c_str());
    }
    const mode_t mask = umask(0177);
    auto socket = bound(AF_UNIX, where, sizeof(*at), address.host);
    umask(mask);
    return socket;
}

}  // namespace

Result<ListenAddress> parse_listen_address(const std::string& text) {
    ListenAddress address;
    address.text = text;
    if (text.starts_with('/')) {
        address.reach = Reach::kUnix;
        address.host = text;
        return address;
    }
    const std::size_t colon = text.rfind(':');
    if (colon == std::string::npos || !read_port(std::string_view(text).substr(colon + 1), address.port))
        return not_an_address(text);
    address.host = text.substr(0, colon);
    in_addr four{};
    if (inet_pton(AF_INET, address.host.c_str(), &four) == 1) {
        address.is_any = four.s_addr == htonl(INADDR_ANY);
        address.reach = (ntohl(four.s_addr) >> 24) == IN_LOOPBACKNET ? Reach::kLoopback : Reach::kPublic;
        return address;
    }
    const bool is_bracketed = address.host.starts_with('[') && address.host.ends_with(']');
    in6_addr six{};
    if (!is_bracketed) return not_an_address(text);
    address.host = address.host.substr(1, address.host.size() - 2);
    if (inet_pton(AF_INET6, address.host.c_str(), &six) != 1) return not_an_address(text);
    address.is_any = std::memcmp(&six, &in6addr_any, sizeof(six)) == 0;
    address.reach = std::memcmp(&six, &in6addr_loopback, sizeof(six)) == 0 ? Reach::kLoopback : Reach::kPublic;
    return address;
}

Result<runtime::UniqueFd> open_listener(const ListenAddress& address) {
    if (address.reach == Reach::kUnix) return open_unix(address);
    sockaddr_in four{};
    four.sin_family = AF_INET;
    four.sin_port = htons(address.port);
    if (inet_pton(AF_INET, address.host.c_str(), &four.sin_addr) == 1)
        return bound(AF_INET, reinterpret_cast<const sockaddr*>(&four), sizeof(four), address.text);
    sockaddr_in6 six{};
    six.sin6_family = AF_INET6;
    six.sin6_port = htons(address.port);
    inet_pton(AF_INET6, address.host.c_str(), &six.sin6_addr);
    return bound(AF_INET6, reinterpret_cast<const sockaddr*>(&six), sizeof(six), address.text);
}

}  // namespace weir::service::http
