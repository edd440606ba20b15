// Tested by tests/unit/runtime/unix_socket_test.cpp.
#include "runtime/sinks/unix_socket.h"

namespace weir::runtime {

void UnixSocket::prepare() { peer_.connect(Batch(std::span<const PackedEvent* const>())); }

void UnixSocket::deliver(Batch& batch) {
    send_datagrams(
        batch, peer_, lines_, [](Lines& lines, Batch& of, std::size_t i, const void*) { lines.add_eve(of, i); },
        nullptr);
}

}  // namespace weir::runtime
