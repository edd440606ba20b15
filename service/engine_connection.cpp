// Held by tests/cli/live_test.py and show_test.py.
// Tested by tests/cli/live_test.py with `"status"`.
#include "service/engine_connection.h"

#include <dirent.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "runtime/kernel.h"
#include "service/control_path.h"

namespace weir::service {
namespace {

Result<runtime::UniqueFd> connect_to(const std::string& path) {
    const auto address = control_address(path);
    if (!address) return address.error();
    runtime::UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd || connect(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) != 0)
        return runtime::kernel_error(errno, fmt::format("connecting to {}", path));
    return fd;
}

}  // namespace

std::vector<std::string> running_engines() {
    constexpr std::string_view kEnding = ".sock";
    std::vector<std::string> names;
    DIR* folder = opendir(kControlFolder);
    if (folder == nullptr) return names;
    while (const dirent* entry = readdir(folder)) {
        const std::string_view file = entry->d_name;
        if (!file.ends_with(kEnding)) continue;
        std::string name(file.substr(0, file.size() - kEnding.size()));
        if (connect_to(control_path(name))) names.push_back(std::move(name));
    }
    closedir(folder);
    std::sort(names.begin(), names.end());
    return names;
}

namespace {

Result<std::string> the_only_engine() {
    const std::vector<std::string> running = running_engines();
    if (running.size() == 1) return running.front();
    if (running.empty()) return Error{"no engine of weir runs here", "start one: weir run FILE -i INTERFACE", ENOENT};
    std::string names;
    for (const std::string& name : running) names += (names.empty() ? "" : ", ") + name;
    return Error{"several engines run here: " + names, "say which one: --name NAME", 0};
}

// Waits until `fd` is ready; 0 where the time is over.
int wait_for(int fd, short events, int timeout_ms) {
    pollfd wanted{fd, events, 0};
    for (;;) {
        const int ready = poll(&wanted, 1, timeout_ms);
        if (ready >= 0 || errno != EINTR) return ready;
    }
}

}  // namespace

Result<EngineConnection> EngineConnection::open(const std::string& name) {
    std::string who = name;
    if (who.empty()) {
        auto only = the_only_engine();
        if (!only) return only.error();
        who = std::move(*only);
    }
    auto fd = connect_to(control_path(who));
    if (fd) return EngineConnection(std::move(who), std::move(*fd));
    if (fd.error().number == EACCES || fd.error().number == EPERM)
        return Error{fmt::format("engine `{}` listens to its owner only", who),
                     "run this as root, or as who started it", EACCES};
    std::string help = "start one: weir run FILE -i INTERFACE";
    for (const std::string& running : running_engines()) help = "running: " + running;
    return Error{fmt::format("no engine named `{}` runs here", who), help, ENOENT};
}

Status EngineConnection::send(const std::string& request, int timeout_ms, int attached) {
    const std::string line = request + "\n";
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    for (std::size_t sent = 0; sent < line.size();) {
        if (wait_for(fd_.get(), POLLOUT, timeout_ms) <= 0)
            return Error{fmt::format("engine `{}` does not listen", name_), {}, ETIMEDOUT};
        iovec part{const_cast<char*>(line.data()) + sent, line.size() - sent};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        if (sent == 0 && attached >= 0) {
            message.msg_control = control;
            message.msg_controllen = sizeof(control);
            cmsghdr* header = CMSG_FIRSTHDR(&message);
            header->cmsg_level = SOL_SOCKET;
            header->cmsg_type = SCM_RIGHTS;
            header->cmsg_len = CMSG_LEN(sizeof(attached));
            std::memcpy(CMSG_DATA(header), &attached, sizeof(attached));
        }
        const ssize_t count = sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
        if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (count < 0) return runtime::kernel_error(errno, fmt::format("asking engine `{}`", name_));
        sent += static_cast<std::size_t>(count);
    }
    return Done{};
}

Result<std::string> EngineConnection::receive(int timeout_ms) {
    char buffer[1 << 16];
    std::size_t searched = 0, end = 0;
    while ((end = in_.find('\n', searched)) == std::string::npos) {
        searched = in_.size();
        if (wait_for(fd_.get(), POLLIN, timeout_ms) <= 0)
            return Error{fmt::format("engine `{}` does not answer", name_), {}, ETIMEDOUT};
        const ssize_t got = read(fd_.get(), buffer, sizeof(buffer));
        if (got <= 0) return Error{fmt::format("engine `{}` has ended", name_), {}, ECONNRESET};
        in_.append(buffer, static_cast<std::size_t>(got));
        if (in_.size() > kMaxReplyBytes)
            return Error{fmt::format("engine `{}` answers without end", name_), {}, EMSGSIZE};
    }
    std::string line = in_.substr(0, end);
    in_.erase(0, end + 1);
    return line;
}

}  // namespace weir::service
