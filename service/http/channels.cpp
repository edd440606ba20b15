// Tested by tests/unit/service/channels_test.cpp.
#include "service/http/channels.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "service/control_path.h"

namespace weir::service::http {

void Channel::ask(const std::string& line, Taker taker, runtime::UniqueFd attached) {
    out_.push_back({line + '\n', 0, std::move(attached)});
    takers_.push_back(std::move(taker));
}

short Channel::wants() const { return static_cast<short>(POLLIN | (out_.empty() ? 0 : POLLOUT)); }

bool Channel::step(std::size_t most_bytes) { return write_some() && read_some(most_bytes); }

bool Channel::write_some() {
    while (!out_.empty()) {
        Outgoing& next = out_.front();
        iovec part{next.line.data() + next.sent, next.line.size() - next.sent};
        alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        if (next.attached) {
            message.msg_control = control;
            message.msg_controllen = sizeof(control);
            cmsghdr* header = CMSG_FIRSTHDR(&message);
            header->cmsg_level = SOL_SOCKET;
            header->cmsg_type = SCM_RIGHTS;
            header->cmsg_len = CMSG_LEN(sizeof(int));
            const int fd = next.attached.get();
            std::memcpy(CMSG_DATA(header), &fd, sizeof(fd));
        }
        const ssize_t count = sendmsg(socket_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return errno == EAGAIN;
        next.attached = {};
        next.sent += static_cast<std::size_t>(count);
        if (next.sent == next.line.size()) out_.pop_front();
    }
    return true;
}

bool Channel::read_some(std::size_t most_bytes) {
    while (most_bytes != 0) {
        char buffer[32 << 10];
        const ssize_t got = recv(socket_.get(), buffer, std::min(sizeof(buffer), most_bytes), MSG_DONTWAIT);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return errno == EAGAIN;
        if (got == 0) return false;
        most_bytes -= static_cast<std::size_t>(got);
        in_.append(buffer, static_cast<std::size_t>(got));
        std::size_t begin = 0;
        for (std::size_t end = in_.find('\n', searched_); end != std::string::npos; end = in_.find('\n', begin)) {
            std::string line = in_.substr(begin, end - begin);
            begin = end + 1;
            if (takers_.empty() || !line.starts_with(R"({"ok":)")) {  // so begins each reply, and no event
                if (on_line_) on_line_(std::move(line));
                continue;
            }
            const Taker taker = std::move(takers_.front());
            takers_.pop_front();
            taker(std::move(line));
        }
        in_.erase(0, begin);
        searched_ = in_.size();
        if (in_.size() > kMaxReplyBytes) return false;
    }
    return true;
}

}  // namespace weir::service::http
