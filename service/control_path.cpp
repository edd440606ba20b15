// Tested by tests/unit/service/control_socket_test.cpp with `weir`.
#include "service/control_path.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

namespace weir::service {

std::string control_path(const std::string& name) { return fmt::format("{}/{}.sock", kControlFolder, name); }

Result<sockaddr_un> control_address(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address.sun_path))
        return Error{fmt::format("`{}` is too long for a socket", path), "a shorter name: --name NAME", ENAMETOOLONG};
    std::memcpy(address.sun_path, path.data(), path.size());
    return address;
}

}  // namespace weir::service
