// Publishes each event to a subject of NATS JetStream.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/sinks/nats_connection.h"
#include "runtime/sinks/sent.h"
#include "runtime/sinks/sink.h"

namespace weir::runtime {

struct NatsTerms {
    std::string name;  // of the sink
    std::string url;   // see nats_server(); one that has a user and a password is never shown
    std::string subject;
    // From the environment (runtime/sinks/peer_secrets.h), each may be empty.
    std::string user{}, password{}, token{};
    std::string authorities{};        // a file of certificates
    std::uint32_t silence_ms = 5000;  // of a server that owes answers: the connection is given up then
};

// Delivered: the stream has acknowledged it. What was not acknowledged when a connection ended is sent once more over
// the next one; each message has an id, by which the stream drops one that comes twice within its duplicate window (two
// minutes, if it was not made with another).
class NatsSink : public Sink {
public:
    explicit NatsSink(NatsTerms terms);

    void deliver(Batch& batch) override;
    void prepare() override;
    std::string state() const override { return state_; }
    std::size_t batch_size() const override { return 4096; }

private:
    bool open(std::uint64_t within_ms, int wake_fd);
    void lose_connection(const std::string& why);
    void publish(Batch& batch, std::size_t& next);
    void take(const NatsConnection::Received& received);
    void take_problem(std::string_view event, const std::string& problem);
    void blame(const std::string& problem);

    NatsTerms terms_;
    NatsServer server_;
    NatsConnection connection_;
    std::string inbox_{};  // answers come to "INBOX.EVENT"
    Sent sent_{};
    bool is_asking_ = false;         // why nobody answers
    std::uint64_t answered_ns_ = 0;  // the last answer, or when the first message began to wait
    std::string state_ = "ok";
};

}  // namespace weir::runtime
