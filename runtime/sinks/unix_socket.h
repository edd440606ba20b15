// Events as EVE lines, each a datagram to a local socket.
#pragma once

#include <string>

#include "runtime/sinks/lines.h"
#include "runtime/sinks/peer.h"
#include "runtime/sinks/sink.h"

namespace weir::runtime {

class UnixSocket : public Sink {
public:
    explicit UnixSocket(std::string path) : peer_({Transport::kUnixDatagrams, std::move(path), {}}) {}
    // Delivered once the kernel has the datagram in the receiver's queue. What is too large for one is lost.
    void deliver(Batch& batch) override;
    void prepare() override;
    void reopen() override { peer_.close(); }
    std::string state() const override { return peer_.state(); }

private:
    Peer peer_;
    Lines lines_{};
};

}  // namespace weir::runtime
