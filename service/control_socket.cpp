// Held by tests/unit/service/control_socket_test.cpp and tests/cli/live_test.py.
// Tested by tests/unit/service/control_socket_test.cpp.
#include "service/control_socket.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "runtime/kernel.h"

namespace weir::service {
namespace {

constexpr std::size_t kMaxOfferedBytes = 1 << 20;
constexpr std::size_t kReadBytes = 64 << 10;    // of a client, a turn
constexpr std::size_t kWriteBytes = 256 << 10;  // to a client, a turn
constexpr std::size_t kAcceptsATurn = 8;   // fewer than clients fit: who just came is not evicted by who comes next
constexpr std::size_t kRequestsATurn = 8;  // a status of 131,072 rules takes a tenth of a second
constexpr std::uint64_t kListener = 0;     // epoll's number of the listening socket
constexpr std::uint64_t kMillisecond_ns = 1'000'000;
constexpr std::uint64_t kRetry_ns = 1'000'000'000;

// Names become files: nothing that leads elsewhere.
bool good_name(const std::string& name) {
    constexpr std::size_t kMaxName = 63;
    return !name.empty() && name.size() <= kMaxName && name.front() != '.' && name.find('/') == std::string::npos;
}

// 0750, whatever the umask. One of ours that its group can write to is repaired; one that others can put sockets into,
// or that is somebody else's, is refused.
Status make_folder(const std::string& folder) {
    if (mkdir(folder.c_str(), 0750) == 0)
        chmod(folder.c_str(), 0750);
    else if (errno != EEXIST)
        return runtime::kernel_error(errno, fmt::format("making {}", folder));
    struct stat facts{};
    if (lstat(folder.c_str(), &facts) != 0) return runtime::kernel_error(errno, fmt::format("looking at {}", folder));
    const bool is_ours = S_ISDIR(facts.st_mode) && (facts.st_uid == 0 || facts.st_uid == geteuid());
    const bool by_group = (facts.st_mode & S_IWGRP) != 0;
    if (!is_ours || (facts.st_mode & S_IWOTH) != 0 || (by_group && chmod(folder.c_str(), 0750) != 0))
        return Error{fmt::format("{} is not a folder that only its owner and root can write to", folder),
                     fmt::format("chmod 0750 {0}; chown root {0}", folder), EPERM};
    return Done{};
}

// The file that who has the name holds locked. One that its last owner removed while we waited for it is no lock.
Result<runtime::UniqueFd> take_lock(const std::string& path, const std::string& name) {
    for (;;) {
        runtime::UniqueFd lock(open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600));
        if (!lock) return runtime::kernel_error(errno, fmt::format("making the lock of `{}`, {}", name, path));
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

runtime::UniqueFd open_reserve() { return runtime::UniqueFd(open("/dev/null", O_RDONLY | O_CLOEXEC)); }

constexpr auto unread = [](const auto& client) { return client.in.size() - client.read; };
constexpr auto has_line = [](const auto& client) { return client.in.find('\n', client.read) != std::string::npos; };

// The connection is of root or of who runs this.
bool may_connect(int fd) {
    ucred peer{};
    socklen_t length = sizeof(peer);
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && (peer.uid == 0 || peer.uid == geteuid());
}

}  // namespace

ControlServer::ControlServer(std::string path, std::string lock_path, runtime::UniqueFd lock, runtime::UniqueFd socket,
                             runtime::UniqueFd poll, const Limits& limits)
    : limits_(limits),
      path_(std::move(path)),
      lock_path_(std::move(lock_path)),
      lock_(std::move(lock)),
      socket_(std::move(socket)),
      poll_(std::move(poll)),
      reserve_(open_reserve()) {}

ControlServer::~ControlServer() {
    if (!socket_) return;
    unlink(path_.c_str());
    unlink(lock_path_.c_str());  // still locked: take_lock() sees that it was removed
}

Result<ControlServer> ControlServer::listen(const std::string& name, const std::string& folder) {
    return listen(name, folder, Limits{});
}

Result<ControlServer> ControlServer::listen(const std::string& name, const std::string& folder, const Limits& limits) {
    if (!good_name(name))
        return Error{fmt::format("`{}` cannot be the name of an engine", name),
                     "letters and digits, no slash: --name NAME", EINVAL};
    if (Status made = make_folder(folder); !made) return made.error();
    const std::string lock_path = fmt::format("{}/{}.lock", folder, name);
    auto lock = take_lock(lock_path, name);
    if (!lock) return lock.error();
    // We hold the lock: a socket that lies there is of an engine that was killed.
    const std::string path = fmt::format("{}/{}.sock", folder, name);
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
    return ControlServer(path, lock_path, std::move(*lock), std::move(socket), std::move(poll), limits);
}

// ---- clients come and go ----

// Makes room: closes the client that was idle longest, those that follow events last. False where all wait for answers.
bool ControlServer::evict_idle() {
    auto oldest = clients_.end();
    for (auto one = clients_.begin(); one != clients_.end(); ++one) {
        if (one->second.is_asking || one->second.is_adopted) continue;
        const auto rank = [](const Client& client) { return std::pair(client.is_following, client.active_ns); };
        if (oldest == clients_.end() || rank(one->second) < rank(oldest->second)) oldest = one;
    }
    if (oldest == clients_.end()) return false;
    clients_.erase(oldest);
    return true;
}

// With no descriptor left, that of an idle client is used; with no such client, the reserve, to turn away who knocks:
// nobody waits for ever, and the socket is not readable for ever.
runtime::UniqueFd ControlServer::accept_one() {
    for (;;) {
        runtime::UniqueFd fd(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (fd || (errno != EMFILE && errno != ENFILE)) return fd;
        if (!evict_idle()) break;
    }
    reserve_ = {};
    if (!runtime::UniqueFd(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK))) {
        accepts_from_ns_ = runtime::monotonic_ns() + kRetry_ns;  // the whole system has none
        watch(poll_.get(), socket_.get(), kListener, 0, EPOLL_CTL_MOD);
    }
    reserve_ = open_reserve();
    return {};
}

void ControlServer::accept_clients() {
    for (std::size_t i = 0; i < kAcceptsATurn; ++i) {
        runtime::UniqueFd fd = accept_one();
        if (!fd) return;
        if (!may_connect(fd.get())) continue;
        if (visitors() >= limits_.clients && !evict_idle()) continue;
        add(std::move(fd));
    }
}

std::size_t ControlServer::visitors() const {
    const auto is_visitor = [](const Clients::value_type& one) { return !one.second.is_adopted; };
    return static_cast<std::size_t>(std::count_if(clients_.begin(), clients_.end(), is_visitor));
}

std::uint64_t ControlServer::add(runtime::UniqueFd fd) {
    if (!watch(poll_.get(), fd.get(), next_, EPOLLIN, EPOLL_CTL_ADD)) return 0;
    Client& client = clients_[next_];
    client.fd = std::move(fd);
    client.events = EPOLLIN;
    client.active_ns = runtime::monotonic_ns();
    return next_++;
}

std::uint64_t ControlServer::adopt(runtime::UniqueFd socket) {
    const int flags = fcntl(socket.get(), F_GETFL);
    if (flags < 0 || fcntl(socket.get(), F_SETFL, flags | O_NONBLOCK) != 0) return 0;
    const std::uint64_t id = add(std::move(socket));
    if (id != 0) clients_[id].is_adopted = true;
    return id;
}

std::uint64_t ControlServer::requests(std::uint64_t client) const {
    const auto found = clients_.find(client);
    return found == clients_.end() ? 0 : found->second.requests;
}

// Who began a request and does not end it, asks nothing, or does not read its answer.
void ControlServer::drop_late() {
    const std::uint64_t now_ns = runtime::monotonic_ns();
    const auto is_over = [&](std::uint64_t begin_ns, std::uint64_t most_ms) {
        return begin_ns + most_ms * kMillisecond_ns < now_ns;
    };
    std::erase_if(clients_, [&](const Clients::value_type& one) {
        const Client& client = one.second;
        if (client.is_adopted || client.is_asking || has_line(client)) return false;  // it waits for us
        if (client.line_ns != 0 && is_over(client.line_ns, limits_.line_ms)) return true;
        return !client.is_following && is_over(client.active_ns, limits_.idle_ms);
    });
    if (accepts_from_ns_ == 0 || now_ns < accepts_from_ns_) return;
    accepts_from_ns_ = 0;
    watch(poll_.get(), socket_.get(), kListener, EPOLLIN, EPOLL_CTL_MOD);
}

// ---- what they say ----

// A line that is too long. What is left of it is not waited for.
void ControlServer::refuse_line(Client& client) const {
    client.in = {};
    client.read = 0;
    client.is_refused = true;
    client.out += fmt::format(R"({{"ok":false,"status":2,"error":"a request has at most {} bytes","help":""}})"
                              "\n",
                              limits_.request_bytes);
}

bool ControlServer::read_from(Client& client) const {
    char buffer[kReadBytes];
    iovec part{buffer, sizeof(buffer)};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * 4)];
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    const ssize_t got = recvmsg(client.fd.get(), &message, MSG_CMSG_CLOEXEC);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    for (cmsghdr* one = CMSG_FIRSTHDR(&message); one != nullptr; one = CMSG_NXTHDR(&message, one)) {
        if (one->cmsg_level != SOL_SOCKET || one->cmsg_type != SCM_RIGHTS) continue;
        for (std::size_t at = 0; CMSG_LEN(at + sizeof(int)) <= one->cmsg_len; at += sizeof(int)) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(one) + at, sizeof(fd));
            client.attached = runtime::UniqueFd(fd);  // the last one counts
        }
    }
    client.sends_no_more = got == 0;
    if (client.is_refused) return true;  // what it still sends is read, and dropped
    if (client.line_ns == 0 && got > 0) client.line_ns = runtime::monotonic_ns();
    client.in.append(buffer, static_cast<std::size_t>(got));
    if (unread(client) > limits_.request_bytes && !has_line(client)) refuse_line(client);
    return true;
}

// Waits for what can be done with the client now: it is not read from while what it sent waits to be carried out.
bool ControlServer::wait_for(std::uint64_t id, Client& client) const {
    if (client.has_left) return true;  // epoll knows it no more
    const bool reads = !client.sends_no_more && unread(client) <= limits_.request_bytes;
    const std::uint32_t events =
        (reads ? std::uint32_t{EPOLLIN} : 0u) | (client.out.empty() ? 0u : std::uint32_t{EPOLLOUT});
    if (events == client.events) return true;
    client.events = events;
    return watch(poll_.get(), client.fd.get(), id, events, EPOLL_CTL_MOD);
}

bool ControlServer::take_events(std::uint64_t id, Client& client, std::uint32_t events) {
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && !read_from(client)) return false;
    if ((events & (EPOLLHUP | EPOLLERR)) != 0 && client.sends_no_more) {
        client.has_left = true;
        watch(poll_.get(), client.fd.get(), id, 0, EPOLL_CTL_DEL);
        return client.is_asking || has_line(client);
    }
    if (!client.out.empty() && !write_to(client)) return false;
    if (client.sends_no_more && !client.is_asking && client.out.empty() && !has_line(client)) return false;
    return wait_for(id, client);
}

ControlServer::Request ControlServer::take_line(std::uint64_t id, Client& client) {
    const std::size_t end = client.in.find('\n', client.read);
    Request request{id, client.in.substr(client.read, end - client.read), std::move(client.attached)};
    client.read = end + 1;
    if (client.read == client.in.size()) {
        client.in.clear();
        client.read = 0;
    } else if (client.read >= kReadBytes) {
        client.in.erase(0, client.read);
        client.read = 0;
    }
    client.is_asking = true;
    client.is_following = false;
    ++client.requests;
    client.active_ns = runtime::monotonic_ns();
    client.line_ns = client.in.empty() ? 0 : client.active_ns;
    wait_for(id, client);
    return request;
}

bool ControlServer::has_more() const {
    return std::any_of(clients_.begin(), clients_.end(), [&](const Clients::value_type& one) {
        return !one.second.is_asking && one.second.out.empty() && has_line(one.second);
    });
}

bool ControlServer::is_connected(std::uint64_t client) const {
    const auto found = clients_.find(client);
    return found != clients_.end() && !found->second.has_left;
}

std::string_view ControlServer::next_line(std::uint64_t client) const {
    const auto found = clients_.find(client);
    if (found == clients_.end() || !has_line(found->second)) return {};
    const Client& one = found->second;
    return std::string_view(one.in).substr(one.read, one.in.find('\n', one.read) - one.read);
}

std::vector<ControlServer::Request> ControlServer::receive() {
    epoll_event events[64];
    const int ready = epoll_wait(poll_.get(), events, std::size(events), 0);
    bool somebody_knocks = false;
    for (int i = 0; i < ready; ++i) {
        const std::uint64_t id = events[i].data.u64;
        somebody_knocks = somebody_knocks || id == kListener;
        const auto found = clients_.find(id);
        if (found != clients_.end() && !take_events(id, found->second, events[i].events)) clients_.erase(found);
    }
    if (somebody_knocks) accept_clients();
    drop_late();

    std::vector<Request> requests;
    auto next = clients_.upper_bound(turn_);
    for (std::size_t seen = clients_.size(); seen != 0 && requests.size() < kRequestsATurn; --seen, ++next) {
        if (next == clients_.end()) next = clients_.begin();
        Client& client = next->second;
        if (client.is_asking || !client.out.empty() || !has_line(client)) continue;
        turn_ = next->first;
        requests.push_back(take_line(next->first, client));
    }
    return requests;
}

// ---- what they get ----

bool ControlServer::write_to(Client& client) const {
    for (std::size_t left = kWriteBytes; left != 0 && client.sent < client.out.size();) {
        const std::size_t piece = std::min(left, client.out.size() - client.sent);
        const ssize_t count = send(client.fd.get(), client.out.data() + client.sent, piece, MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 && errno == EAGAIN) break;
        if (count < 0) return false;
        client.sent += static_cast<std::size_t>(count);
        left -= static_cast<std::size_t>(count);
        client.active_ns = runtime::monotonic_ns();
    }
    if (client.sent != client.out.size()) return true;
    client.out = {};
    client.sent = 0;
    return !client.is_refused;
}

void ControlServer::answer(std::uint64_t client, std::string text) {
    const auto found = clients_.find(client);
    if (found == clients_.end()) return;
    Client& one = found->second;
    one.is_asking = false;
    one.active_ns = runtime::monotonic_ns();
    if (!one.in.empty()) one.line_ns = one.active_ns;
    text += '\n';
    if (!one.has_left && one.out.empty())
        one.out = std::move(text);  // it may have megabytes
    else if (!one.has_left)
        one.out += text;
    const bool keep = one.out.size() - one.sent <= kMaxReplyBytes && write_to(one) && wait_for(client, one);
    const bool is_done = one.has_left || (one.sends_no_more && one.out.empty());
    if (!keep || (is_done && !has_line(one))) clients_.erase(found);
}

bool ControlServer::offer(std::uint64_t client, const std::string& text) {
    const auto found = clients_.find(client);
    if (found == clients_.end() || found->second.out.size() - found->second.sent > kMaxOfferedBytes) return false;
    found->second.is_following = true;
    answer(client, text);
    return true;
}

}  // namespace weir::service
