// Held by tests/unit/service/worker_test.cpp.
// Tested by tests/unit/service/worker_test.cpp with `message_socket`.
#include "runtime/message_socket.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "runtime/kernel.h"

namespace weir::runtime {

Result<SocketPair> make_socket_pair() {
    int ends[2] = {-1, -1};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return kernel_error(errno, "making a pair of sockets");
    return SocketPair{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

namespace {

ssize_t send_with(int socket, std::span<const std::uint8_t> bytes, std::span<const int> fds, Wait wait) {
    iovec part{const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxMessageFds)] = {};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (!fds.empty()) {
        message.msg_control = control;
        message.msg_controllen = CMSG_SPACE(fds.size_bytes());
        cmsghdr* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(fds.size_bytes());
        std::memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
    }
    for (;;) {
        const ssize_t sent = sendmsg(socket, &message, MSG_NOSIGNAL | (wait == Wait::kNo ? MSG_DONTWAIT : 0));
        if (sent >= 0 || errno != EINTR) return sent;
    }
}

// Descriptors that came beyond `most` are closed.
void take_fds(msghdr& message, std::size_t most, std::vector<UniqueFd>& fds) {
    for (cmsghdr* one = CMSG_FIRSTHDR(&message); one != nullptr; one = CMSG_NXTHDR(&message, one)) {
        if (one->cmsg_level != SOL_SOCKET || one->cmsg_type != SCM_RIGHTS) continue;
        for (std::size_t at = 0; CMSG_LEN(at + sizeof(int)) <= one->cmsg_len; at += sizeof(int)) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(one) + at, sizeof(fd));
            UniqueFd owned(fd);
            if (fds.size() < most) fds.push_back(std::move(owned));
        }
    }
}

}  // namespace

bool send_message(int socket, std::span<const std::uint8_t> bytes, std::span<const int> fds, Wait wait) {
    if (bytes.empty() || bytes.size() > kMaxMessageBytes || fds.size() > kMaxMessageFds) return false;
    return send_with(socket, bytes, fds, wait) == static_cast<ssize_t>(bytes.size());
}

ssize_t send_some(int socket, std::string_view bytes, int fd) {
    const std::span<const int> fds(&fd, fd < 0 ? 0 : 1);
    return send_with(socket, {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, fds, Wait::kNo);
}

Received receive_message(int socket, Message& message, std::size_t max_fds, Wait wait) {
    message.fds.clear();
    message.bytes.resize(kMaxMessageBytes);
    iovec part{message.bytes.data(), message.bytes.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxMessageFds)];
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    if (max_fds != 0) {  // else the kernel drops what comes
        header.msg_control = control;
        header.msg_controllen = sizeof(control);
    }
    for (;;) {
        const ssize_t got = recvmsg(socket, &header, MSG_CMSG_CLOEXEC | (wait == Wait::kNo ? MSG_DONTWAIT : 0));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == EAGAIN) return Received::kNothing;
        message.is_unread = got < 0 && errno == ECONNRESET;
        if (got <= 0) return Received::kClosed;
        take_fds(header, max_fds, message.fds);
        if ((header.msg_flags & MSG_TRUNC) != 0) return Received::kClosed;
        message.bytes.resize(static_cast<std::size_t>(got));
        return Received::kMessage;
    }
}

}  // namespace weir::runtime
