// Tested by tests/unit/service/channels_test.cpp.
#include "service/http/channels.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>

#include "service/command_codec.h"
#include "service/control_path.h"
#include "service/message_socket.h"

namespace weir::service::http {

void Channel::ask(const std::string& line, Taker taker, runtime::UniqueFd attached, std::uint64_t asker) {
    asked_.push_back({line + '\n', std::move(taker), std::move(attached), asker});
    begin_next();
}

bool Channel::withdraw(std::uint64_t asker) {
    const auto found = std::find_if(asked_.begin(), asked_.end(), [&](const Asked& one) { return one.asker == asker; });
    if (found == asked_.end()) return false;
    if (found != asked_.begin()) {
        asked_.erase(found);
        return true;
    }
    if (under_way_ == 1) {
        asked_.insert(std::next(found), {encode(Command(WithdrawCommand{})) + '\n', [](const std::string&) {}});
        under_way_ = 2;
    }
    return false;
}

void Channel::begin_next() {
    if (under_way_ == 0 && !asked_.empty()) under_way_ = 1;
}

short Channel::wants() const {
    const bool writes = under_way_ != 0 && asked_[under_way_ - 1].sent < asked_[under_way_ - 1].line.size();
    return static_cast<short>(POLLIN | (writes ? POLLOUT : 0));
}

bool Channel::step(std::size_t most_bytes) { return write_some() && read_some(most_bytes); }

bool Channel::write_some() {
    for (std::size_t i = 0; i < under_way_;) {
        Asked& next = asked_[i];
        if (next.sent == next.line.size()) {
            ++i;
            continue;
        }
        const ssize_t count =
            send_some(socket_.get(), std::string_view(next.line).substr(next.sent), next.attached.get());
        if (count < 0) return errno == EAGAIN;
        next.attached = {};
        next.sent += static_cast<std::size_t>(count);
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
        received_ += static_cast<std::uint64_t>(got);
        in_.append(buffer, static_cast<std::size_t>(got));
        std::size_t begin = 0;
        for (std::size_t end = in_.find('\n', searched_); end != std::string::npos; end = in_.find('\n', begin)) {
            std::string line = in_.substr(begin, end - begin);
            begin = end + 1;
            if (under_way_ == 0 || !line.starts_with(R"({"ok":)")) {  // so begins each reply, and no event
                if (on_line_) on_line_(std::move(line));
                continue;
            }
            const Taker taker = std::move(asked_.front().taker);
            asked_.pop_front();
            --under_way_;
            begin_next();
            taker(std::move(line));
        }
        in_.erase(0, begin);
        searched_ = in_.size();
        if (in_.size() > kMaxReplyBytes) return false;
    }
    return true;
}

}  // namespace weir::service::http
