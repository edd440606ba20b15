#include "service/control_socket.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>

#include <fmt/format.h>

#include "runtime/kernel.h"
#include "service/control_path.h"

namespace weir::service {
namespace {

constexpr std::size_t kMaxClients = 32;
constexpr std::size_t kMaxRequestBytes = 64 << 10;
constexpr std::size_t kMaxOfferedBytes = 1 << 20;
constexpr std::uint64_t kListener = 0;  // epoll's number of the listening socket

// Names become files: nothing that leads elsewhere.
bool good_name(const std::string& name) {
    constexpr std::size_t kMaxName = 63;
    return !name.empty() && name.size() <= kMaxName && name.front() != '.' && name.find('/') == std::string::npos;
}

// 0750, whatever the umask; one that others could put sockets into is refused.
Status make_folder() {
    if (mkdir(kControlFolder, 0750) == 0)
        chmod(kControlFolder, 0750);
    else if (errno != EEXIST)
        return runtime::kernel_error(errno, fmt::format("making {}", kControlFolder));
    struct stat facts{};
    if (lstat(kControlFolder, &facts) != 0)
        return runtime::kernel_error(errno, fmt::format("looking at {}", kControlFolder));
    if (!S_ISDIR(facts.st_mode) || (facts.st_mode & S_IWOTH) != 0 || (facts.st_uid != 0 && facts.st_uid != geteuid()))
        return Error{fmt::format("{} is not a folder that only its owner and root can write to", kControlFolder),
                     fmt::format("chmod 0750 {0}; chown root {0}", kControlFolder), EPERM};
    return Done{};
}

// The file that who has the name holds locked. One that its last owner removed while we waited for it is no lock.
Result<runtime::UniqueFd> take_lock(const std::string& path, const std::string& name) {
    for (;;) {
        runtime::UniqueFd lock(open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600));
        if (!lock)
            return runtime::kernel_error(errno, fmt::format("making the lock of `{}` in {}", name, kControlFolder));
        if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0)
            return Error{fmt::format("an engine named `{}` runs already", name),
                         "stop it first, or choose another name: --name NAME", EBUSY};
        struct stat ours{}, there{};
        if (fstat(lock.get(), &ours) == 0 && stat(path.c_str(), &there) == 0 && ours.st_ino == there.st_ino &&
            ours.st_dev == there.st_dev)
            return lock;
    }
}

bool watch(int poll_fd, int fd, std::uint64_t id, std::uint32_t events, int operation) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = id;
    return epoll_ctl(poll_fd, operation, fd, &event) == 0;
}

}  // namespace

ControlServer::ControlServer(std::string path, std::string lock_path, runtime::UniqueFd lock, runtime::UniqueFd socket,
                             runtime::UniqueFd poll)
    : path_(std::move(path)),
      lock_path_(std::move(lock_path)),
      lock_(std::move(lock)),
      socket_(std::move(socket)),
      poll_(std::move(poll)) {}

ControlServer::~ControlServer() {
    if (!socket_) return;
    unlink(path_.c_str());
    unlink(lock_path_.c_str());  // still locked: take_lock() sees that it has gone
}

Result<ControlServer> ControlServer::listen(const std::string& name) {
    if (!good_name(name))
        return Error{fmt::format("`{}` cannot be the name of an engine", name),
                     "letters and digits, no slash: --name NAME", EINVAL};
    if (Status made = make_folder(); !made) return made.error();
    const std::string lock_path = fmt::format("{}/{}.lock", kControlFolder, name);
    auto lock = take_lock(lock_path, name);
    if (!lock) return lock.error();
    // We hold the lock: a socket that lies there is of an engine that was killed.
    const std::string path = control_path(name);
    const auto address = control_address(path);
    if (!address) return address.error();
    unlink(path.c_str());
    runtime::UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const mode_t mask = umask(0177);
    const bool bound =
        socket && bind(socket.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) == 0;
    const int failed = errno;
    umask(mask);
    if (!bound) return runtime::kernel_error(failed, fmt::format("making {}", path));
    runtime::UniqueFd poll(epoll_create1(EPOLL_CLOEXEC));
    if (::listen(socket.get(), SOMAXCONN) != 0 || !poll ||
        !watch(poll.get(), socket.get(), kListener, EPOLLIN, EPOLL_CTL_ADD))
        return runtime::kernel_error(errno, fmt::format("listening on {}", path));
    return ControlServer(path, lock_path, std::move(*lock), std::move(socket), std::move(poll));
}

void ControlServer::accept_clients() {
    for (;;) {
        runtime::UniqueFd fd(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!fd) return;
        ucred peer{};
        socklen_t length = sizeof(peer);
        if (getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) continue;
        if ((peer.uid != 0 && peer.uid != geteuid()) || clients_.size() >= kMaxClients) continue;
        const std::uint64_t id = next_++;
        if (watch(poll_.get(), fd.get(), id, EPOLLIN, EPOLL_CTL_ADD)) clients_[id].fd = std::move(fd);
    }
}

bool ControlServer::read_from(std::uint64_t id, Client& client, std::vector<Request>& requests) {
    char buffer[4096];
    bool open = true;
    for (;;) {
        const ssize_t got = read(client.fd.get(), buffer, sizeof(buffer));
        if (got > 0) client.in.append(buffer, static_cast<std::size_t>(got));
        if (client.in.size() > kMaxRequestBytes) return false;
        if (got > 0 || (got < 0 && errno == EINTR)) continue;
        open = got < 0 && errno == EAGAIN;
        break;
    }
    for (std::size_t end = 0; (end = client.in.find('\n')) != std::string::npos; client.in.erase(0, end + 1))
        requests.push_back({id, client.in.substr(0, end)});
    return open;
}

bool ControlServer::write_to(std::uint64_t id, Client& client) {
    while (!client.out.empty()) {
        const ssize_t sent = send(client.fd.get(), client.out.data(), client.out.size(), MSG_NOSIGNAL);
        if (sent > 0)
            client.out.erase(0, static_cast<std::size_t>(sent));
        else if (errno == EAGAIN)
            return watch(poll_.get(), client.fd.get(), id, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
        else if (errno != EINTR)
            return false;
    }
    return watch(poll_.get(), client.fd.get(), id, EPOLLIN, EPOLL_CTL_MOD);
}

std::vector<ControlServer::Request> ControlServer::receive() {
    std::vector<Request> requests;
    epoll_event events[kMaxClients + 1];
    const int ready = epoll_wait(poll_.get(), events, std::size(events), 0);
    for (int i = 0; i < ready; ++i) {
        const std::uint64_t id = events[i].data.u64;
        if (id == kListener) {
            accept_clients();
            continue;
        }
        const auto found = clients_.find(id);
        if (found == clients_.end()) continue;
        bool keep = true;
        if ((events[i].events & EPOLLOUT) != 0) keep = write_to(id, found->second);
        if ((events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
            keep = read_from(id, found->second, requests) && keep;
        if (!keep) clients_.erase(found);
    }
    return requests;
}

void ControlServer::answer(std::uint64_t client, const std::string& text) {
    const auto found = clients_.find(client);
    if (found == clients_.end()) return;
    found->second.out += text + "\n";
    if (found->second.out.size() > kMaxReplyBytes || !write_to(client, found->second)) clients_.erase(found);
}

bool ControlServer::offer(std::uint64_t client, const std::string& text) {
    const auto found = clients_.find(client);
    if (found == clients_.end() || found->second.out.size() > kMaxOfferedBytes) return false;
    answer(client, text);
    return true;
}

}  // namespace weir::service
