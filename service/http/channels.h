// The door's ends of its channels to the engine: each a client of the control socket (docs/cli.md), which carries out
// one request after another. What may take long has one of its own. A request goes out once the one before has its
// reply: the line after it may be its withdrawal, and the engine keeps one descriptor a client.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>

#include "runtime/handles.h"

namespace weir::service::http {

// Their order. kEvents follows; kPolicy is occupied by a reload until that has ended.
enum class ChannelOf : std::uint8_t { kStatus, kEvents, kPolicy, kSets };
inline constexpr std::size_t kChannels = 4;

class Channel {
public:
    // The reply, one line without its end.
    using Taker = std::function<void(std::string line)>;

    explicit Channel(runtime::UniqueFd socket) : socket_(std::move(socket)) {}

    // `line` without its end. `attached` goes with it. Replies come in the order of the requests. `asker`: for
    // withdraw(); 0: nobody who could leave.
    void ask(const std::string& line, Taker taker, runtime::UniqueFd attached = {}, std::uint64_t asker = 0);
    // The asker has left. True: its request was not sent yet, and has no reply. Else the engine, if it has the request,
    // is told, and replies.
    bool withdraw(std::uint64_t asker);
    // Lines that answer no request: events. At most so many bytes are taken a turn.
    void on_line(Taker taker) { on_line_ = std::move(taker); }

    int fd() const { return socket_.get(); }
    short wants() const;  // of poll()
    // Writes and reads what goes without waiting, `most_bytes` at most. False where the engine is gone.
    bool step(std::size_t most_bytes);
    std::size_t waiting() const { return asked_.size(); }
    std::uint64_t received() const { return received_; }  // bytes

private:
    struct Asked {
        std::string line;
        Taker taker;
        runtime::UniqueFd attached{};
        std::uint64_t asker = 0;
        std::size_t sent = 0;  // bytes of the line
    };
    void begin_next();
    bool write_some();
    bool read_some(std::size_t most_bytes);

    runtime::UniqueFd socket_;
    std::deque<Asked> asked_{};  // without replies
    std::size_t under_way_ = 0;  // of these, from the first: a request, or one and its withdrawal
    Taker on_line_{};
    std::string in_{};
    std::uint64_t received_ = 0;
    std::size_t searched_ = 0;  // of in_: no end of a line is before that
};

}  // namespace weir::service::http
