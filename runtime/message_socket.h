// Messages between the processes of an engine, over a pair of sockets: each whole, in order, with descriptors. Who is
// at the other end may be hostile: a message is bounded, and nothing in it is believed.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "grammar/base/result.h"
#include "runtime/handles.h"

namespace weir::runtime {

inline constexpr std::size_t kMaxMessageBytes = 64 << 10;
inline constexpr std::size_t kMaxMessageFds = 128;  // SCM_MAX_FD is 253

struct SocketPair {
    UniqueFd ours, theirs;  // SOCK_SEQPACKET, closed by exec
};
Result<SocketPair> make_socket_pair();

struct Message {
    std::vector<std::uint8_t> bytes;
    std::vector<UniqueFd> fds{};
    bool is_unread = false;  // with kClosed: the peer has gone without reading all that was sent to it
};

enum class Wait : std::uint8_t { kNo, kYes };

// False where the peer is gone, the message is too long, or (kNo) the peer does not read.
bool send_message(int socket, std::span<const std::uint8_t> bytes, std::span<const int> fds = {},
                  Wait wait = Wait::kYes);

// Of a stream, over which lines go: how many of these bytes it takes now, the descriptor with the first of them (-1:
// none). As sendmsg(): -1 and errno, EAGAIN where the peer does not read.
ssize_t send_some(int socket, std::string_view bytes, int fd = -1);

// kNothing: with kNo, none is there. kClosed: the peer is gone, or what came is no message.
enum class Received : std::uint8_t { kMessage, kNothing, kClosed };
// `max_fds`: more descriptors than these are closed. 0: none is taken.
Received receive_message(int socket, Message& message, std::size_t max_fds, Wait wait);

}  // namespace weir::runtime
