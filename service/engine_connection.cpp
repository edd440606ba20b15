// Held by tests/cli/live_test.py and show_test.py.
// Tested by tests/cli/live_test.py with `"status"`.
#include "service/engine_connection.h"

#include <dirent.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

#include "runtime/kernel.h"
#include "service/control_path.h"
#include "service/message_socket.h"

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

std::vector<runtime::LeftEngine> killed_engines() {
    std::vector<runtime::LeftEngine> left = runtime::engines_left();
    const std::vector<std::string> running = running_engines();
    std::erase_if(left, [&](const runtime::LeftEngine& one) {
        return std::find(running.begin(), running.end(), one.name) != running.end();
    });
    return left;
}

namespace {

std::string names_of(const std::vector<runtime::LeftEngine>& engines) {
    std::vector<std::string> names;
    for (const runtime::LeftEngine& one : engines) names.push_back(one.name);
    return runtime::in_words(names);
}

Error was_killed(const runtime::LeftEngine& left) {
    return {fmt::format("no engine named `{}` runs; the policy that a killed engine left is in force on {}", left.name,
                        runtime::in_words(left.interfaces)),
            fmt::format("take it over: weir run FILE -i {} --name {}; detach it: weir stop --leave --name {}",
                        fmt::join(left.interfaces, " -i "), left.name, left.name),
            ENOENT};
}

// Which engines there are, for who named another one.
std::string which_there_are(const std::vector<std::string>& running, const std::vector<runtime::LeftEngine>& killed) {
    if (running.empty() && killed.empty()) return "start one: weir run FILE -i INTERFACE";
    std::string text = running.empty() ? "" : "running: " + runtime::in_words(running);
    if (!killed.empty())
        text += fmt::format("{}killed, {} still in force: {}", text.empty() ? "" : "; ",
                            killed.size() == 1 ? "its policy" : "their policies", names_of(killed));
    return text;
}

Error no_such_engine(const std::string& name) {
    const std::vector<runtime::LeftEngine> killed = killed_engines();
    for (const runtime::LeftEngine& one : killed)
        if (one.name == name) return was_killed(one);
    return {fmt::format("no engine named `{}` runs here", name), which_there_are(running_engines(), killed), ENOENT};
}

Result<std::string> the_only_engine() {
    const std::vector<std::string> running = running_engines();
    if (running.size() == 1) return running.front();
    if (!running.empty())
        return Error{"several engines run here: " + runtime::in_words(running), "say which one: --name NAME", 0};
    const std::vector<runtime::LeftEngine> killed = killed_engines();
    if (killed.size() == 1) return was_killed(killed.front());
    return Error{"no engine of weir runs here", which_there_are({}, killed), ENOENT};
}

enum class Ready { kTimeout, kPeer, kWake };
Ready wait_for(int fd, short events, int timeout_ms, int wake = -1) {
    pollfd wanted[] = {{fd, events, 0}, {wake, POLLIN, 0}};
    for (;;) {
        const int ready = poll(wanted, std::size(wanted), timeout_ms);
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0) return Ready::kTimeout;
        return wanted[0].revents != 0 ? Ready::kPeer : Ready::kWake;
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
    return no_such_engine(who);
}

// Who listens is the engine. As long as the connection is there, so is its process, and the number is of no other.
Result<runtime::UniqueFd> EngineConnection::process() const {
    ucred engine{};
    socklen_t length = sizeof(engine);
    if (getsockopt(fd_.get(), SOL_SOCKET, SO_PEERCRED, &engine, &length) != 0)
        return runtime::kernel_error(errno, fmt::format("asking for the process of engine `{}`", name_));
    if (engine.pid <= 1) return Error{fmt::format("engine `{}` runs in another PID namespace", name_), {}, ESRCH};
    runtime::UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, engine.pid, 0)));
    pollfd now{fd_.get(), POLLRDHUP, 0};
    if (!process || poll(&now, 1, 0) != 0) return Error{fmt::format("engine `{}` has ended", name_), {}, ESRCH};
    return process;
}

Status EngineConnection::send(const std::string& request, int timeout_ms, int attached) {
    const std::string line = request + "\n";
    for (std::size_t sent = 0; sent < line.size();) {
        if (wait_for(fd_.get(), POLLOUT, timeout_ms) == Ready::kTimeout)
            return Error{fmt::format("engine `{}` does not listen", name_), {}, ETIMEDOUT};
        const ssize_t count = send_some(fd_.get(), std::string_view(line).substr(sent), sent == 0 ? attached : -1);
        if (count < 0 && errno == EAGAIN) continue;
        if (count < 0) return runtime::kernel_error(errno, fmt::format("asking engine `{}`", name_));
        sent += static_cast<std::size_t>(count);
    }
    return Done{};
}

Result<std::string> EngineConnection::receive(int timeout_ms, int wake) {
    char buffer[1 << 16];
    std::size_t searched = 0, end = 0;
    while ((end = in_.find('\n', searched)) == std::string::npos) {
        searched = in_.size();
        const Ready ready = wait_for(fd_.get(), POLLIN, timeout_ms, wake);
        if (ready == Ready::kWake) return Error{"interrupted", {}, EINTR};
        if (ready == Ready::kTimeout) return Error{fmt::format("engine `{}` does not answer", name_), {}, ETIMEDOUT};
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
