// A socket to one receiver: connected when there is something to send, and again when it was lost. Waits briefly.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <string>

#include "runtime/handles.h"
#include "runtime/sinks/lines.h"
#include "runtime/sinks/lookup.h"

namespace weir::runtime {

enum class Transport : std::uint8_t { kUnixDatagrams, kUdp, kTcp };
struct PeerAddress {
    Transport transport = Transport::kUnixDatagrams;
    std::string host{};  // kUnixDatagrams: the socket's path
    std::string port{};
};

class Peer {
public:
    static constexpr std::uint32_t kSlow_ms = 50;  // after which one that is slow is tried again

    explicit Peer(PeerAddress address) : address_(std::move(address)) {}

    Transport transport() const { return address_.transport; }
    // "ok", or what is wrong, as a sentence. "ok" again once the peer took something.
    const std::string& state() const { return state_; }
    // True where it is connected, or is now. Waits up to half a second; `batch` may end that.
    bool connect(const Batch& batch);
    void close() { socket_ = UniqueFd(); }

    // How many of the lines it took, each a datagram; what hinders the next one is in `errno`.
    std::size_t send_each(const Lines& lines);
    // How many bytes of a stream it took.
    std::size_t send(std::string_view bytes);
    // True where there is room again, soon.
    bool wait_for_room(const Batch& batch);
    // The peer of a stream has closed it.
    bool is_closed() const;
    // `errno` says why. Closes the socket; the next connect() begins again.
    void failed(const char* what);
    void is_slow();

private:
    bool open(const sockaddr* address, socklen_t bytes, const Batch& batch);
    bool open_path(const Batch& batch);
    bool open_host(const Batch& batch);
    std::string name() const;

    PeerAddress address_;
    UniqueFd socket_{};
    std::unique_ptr<Lookup> lookup_{};
    std::string state_ = "ok";
};

// Sends all of the batch that the peer takes as datagrams, `add` makes one of an event; leaves the rest.
using AddLine = void (*)(Lines& lines, Batch& batch, std::size_t i, const void* with);
void send_datagrams(Batch& batch, Peer& peer, Lines& lines, AddLine add, const void* with);

}  // namespace weir::runtime
