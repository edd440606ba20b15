// The door's ends of its channels to the engine: each a client of the control socket (docs/cli.md), which carries out
// one request after another. What may take long has one of its own.
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

    // `line` without its end. `attached` goes with it. Replies come in the order of the requests.
    void ask(const std::string& line, Taker taker, runtime::UniqueFd attached = {});
    // Lines that answer no request: events. At most so many bytes are taken a turn.
    void on_line(Taker taker) { on_line_ = std::move(taker); }

    int fd() const { return socket_.get(); }
    short wants() const;  // of poll()
    // Writes and reads what goes without waiting, `most_bytes` at most. False where the engine is gone.
    bool step(std::size_t most_bytes);
    std::size_t waiting() const { return takers_.size(); }

private:
    struct Outgoing {
        std::string line;
        std::size_t sent = 0;
        runtime::UniqueFd attached{};
    };
    bool write_some();
    bool read_some(std::size_t most_bytes);

    runtime::UniqueFd socket_;
    std::deque<Outgoing> out_{};
    std::deque<Taker> takers_{};
    Taker on_line_{};
    std::string in_{};
    std::size_t searched_ = 0;  // of in_: no end of a line is before that
};

}  // namespace weir::service::http
