// Tested by tests/unit/runtime/unix_socket_test.cpp with `UnixSocket`; its streams by syslog_test.cpp.
#include "runtime/sinks/peer.h"

#include <poll.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "grammar/base/printable.h"

namespace weir::runtime {
namespace {

constexpr int kPatience_ms = 500, kEnding_ms = 100;
constexpr std::size_t kDatagrams = 64;  // a call
constexpr int kFlags = MSG_DONTWAIT | MSG_NOSIGNAL;

// False: not within that time. Once the engine ends, not within `ending_ms`.
bool wait_until_writable(int fd, const Batch& batch, int ending_ms) {
    std::array<pollfd, 2> waits{{{fd, POLLOUT, 0}, {batch.wake_fd(), POLLIN, 0}}};
    if (batch.is_ending()) return poll(waits.data(), 1, ending_ms) > 0;
    return poll(waits.data(), waits.size(), kPatience_ms) > 0 && waits[0].revents != 0;
}

}  // namespace

std::string Peer::name() const {
    if (address_.transport == Transport::kUnixDatagrams) return printable(address_.host);
    return fmt::format("{}://{}:{}", address_.transport == Transport::kTcp ? "tcp" : "udp", printable(address_.host),
                       printable(address_.port));
}

void Peer::failed(const char* what) {
    state_ = fmt::format("{} {} failed: {}", what, name(), std::strerror(errno));
    close();
}

void Peer::is_slow() { state_ = fmt::format("{} takes nothing at the moment", name()); }

bool Peer::connect(const Batch& batch) {
    if (socket_) return true;
    return address_.transport == Transport::kUnixDatagrams ? open_path(batch) : open_host(batch);
}

bool Peer::open_path(const Batch& batch) {
    sockaddr_un path{};
    path.sun_family = AF_UNIX;
    if (address_.host.size() >= sizeof(path.sun_path)) {
        errno = ENAMETOOLONG;
        failed("connecting to");
        return false;
    }
    address_.host.copy(path.sun_path, sizeof(path.sun_path) - 1);
    return open(reinterpret_cast<const sockaddr*>(&path), sizeof(path), batch);
}

bool Peer::open_host(const Batch& batch) {
    const int type = address_.transport == Transport::kTcp ? SOCK_STREAM : SOCK_DGRAM;
    if (lookup_ == nullptr) lookup_ = std::make_unique<Lookup>(address_.host, address_.port, type);
    const Lookup::State known = lookup_->wait(batch.is_ending() ? kEnding_ms : kPatience_ms);
    if (known == Lookup::State::kUnderWay) {
        state_ = fmt::format("looking for the address of {}", name());
        return false;
    }
    const auto lookup = std::move(lookup_);  // asked again next time: it may have moved
    if (known == Lookup::State::kFailed) {
        state_ = fmt::format("the address of {} is not known: {}", name(), lookup->error());
        return false;
    }
    for (const addrinfo* one = lookup->found(); one != nullptr; one = one->ai_next)
        if (open(one->ai_addr, one->ai_addrlen, batch)) return true;
    return false;
}

bool Peer::open(const sockaddr* address, socklen_t bytes, const Batch& batch) {
    const int type = address_.transport == Transport::kTcp ? SOCK_STREAM : SOCK_DGRAM;
    socket_ = UniqueFd(socket(address->sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket_ || (::connect(socket_.get(), address, bytes) != 0 && errno != EINPROGRESS)) {
        failed("connecting to");
        return false;
    }
    if (type != SOCK_STREAM) return true;
    int error = ETIMEDOUT;
    socklen_t length = sizeof(error);
    if (wait_until_writable(socket_.get(), batch, kEnding_ms))
        getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &length);
    errno = error;
    if (error != 0) failed("connecting to");
    return error == 0;
}

std::size_t Peer::send_each(const Lines& lines) {
    std::array<iovec, kDatagrams> parts{};
    std::array<mmsghdr, kDatagrams> messages{};
    const std::size_t count = std::min(lines.count(), kDatagrams);
    for (std::size_t i = 0; i < count; ++i) {
        const std::string_view line = lines.line(i);
        parts[i] = {const_cast<char*>(line.data()), line.size()};
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    std::size_t sent = 0;
    while (sent < count) {
        const int now = sendmmsg(socket_.get(), &messages[sent], static_cast<unsigned>(count - sent), kFlags);
        if (now < 0 && errno == EINTR) continue;
        if (now < 0) break;
        sent += static_cast<std::size_t>(now);
    }
    if (sent == count) state_ = "ok";
    return sent;
}

std::size_t Peer::send(std::string_view bytes) {
    for (;;) {
        const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), kFlags);
        if (sent < 0 && errno == EINTR) continue;
        if (sent > 0) state_ = "ok";
        return sent < 0 ? 0 : static_cast<std::size_t>(sent);
    }
}

bool Peer::wait_for_room(const Batch& batch) { return wait_until_writable(socket_.get(), batch, 0); }

// What it sends is of no interest; that it has ended is.
bool Peer::is_closed() const {
    std::array<char, 4096> ignored{};
    ssize_t got = 0;
    do got = recv(socket_.get(), ignored.data(), ignored.size(), MSG_DONTWAIT);
    while (got > 0 || (got < 0 && errno == EINTR));
    return got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

void send_datagrams(Batch& batch, Peer& peer, Lines& lines, AddLine add, const void* with) {
    bool has_failed = false;
    while (batch.size() != 0) {
        if (!peer.connect(batch)) return;
        lines.clear();
        for (std::size_t i = 0; i < std::min(batch.size(), kDatagrams); ++i) add(lines, batch, i, with);
        const std::size_t sent = peer.send_each(lines);
        const int error = errno;
        batch.delivered(sent);
        if (sent != 0) has_failed = false;
        if (sent == lines.count()) continue;
        if (error == EMSGSIZE) {
            batch.lost("too large", 1);
        } else if (error == EAGAIN || error == ENOBUFS) {
            if (peer.wait_for_room(batch)) continue;
            peer.is_slow();
            return batch.retry_after(Peer::kSlow_ms);
        } else {
            errno = error;
            peer.failed("writing to");
            // The receiver may have been restarted: once more with a new socket. Where no process has the port, that
            // would take datagrams, too, and drop them.
            if (has_failed || peer.transport() == Transport::kUdp) return;
            has_failed = true;
        }
    }
}

}  // namespace weir::runtime
