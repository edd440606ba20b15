// A connection to a NATS server, as far as a publisher and a follower of a key-value bucket need it:
// https://docs.nats.io/reference/reference-protocols/nats-protocol. It has no thread and waits nowhere longer than its
// caller says.
//
// libnats is not used: that of Debian 12 (3.4.1) spins without end, and fills memory, where a server stops between INFO
// and PONG, waits for a TLS handshake without a time limit, and crashes where a server goes while messages have a
// limit.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "grammar/base/result.h"
#include "runtime/handles.h"
#include "runtime/sinks/lookup.h"

namespace weir::runtime {

struct NatsServer {
    std::string host, port;
    bool is_tls = false;
    // Each may be empty.
    std::string user{}, password{}, token{};
    // In place of these: a user's JWT, and the seed of his key (nats_credentials()).
    std::string jwt{}, seed{};
    std::string authorities{};  // a file of certificates; empty: the system's
    std::string shown;          // as a URL without secrets
};
// Of "nats://[USER[:PASSWORD]@]HOST[:PORT]" or "tls://…"; one user without a password is a token.
NatsServer nats_server(const std::string& url);
// Of the text of a credentials file as `nsc` writes it: the JWT and the seed. Errors quote nothing of it.
Status take_credentials(NatsServer& server, std::string_view text);

inline constexpr std::size_t kMaxNatsAnswerBytes = 256 << 10;  // acknowledgements have 100 bytes

class NatsConnection {
public:
    // A message that came, or the status of a header without one ("503": nobody listens to its subject).
    struct Received {
        std::string_view subject;
        std::string_view status;
        std::string_view payload;
        std::string_view reply;  // where an answer goes; may be empty
        std::uint32_t subscription = 0;
        std::string_view headers;  // "NATS/1.0…\r\nName: value\r\n\r\n"; may be empty
    };
    using Take = std::function<void(const Received&)>;

    // A message of more than `max_message_bytes`, with its headers, ends the connection.
    explicit NatsConnection(NatsServer server, std::size_t max_message_bytes = kMaxNatsAnswerBytes);
    NatsConnection(const NatsConnection&) = delete;
    NatsConnection& operator=(const NatsConnection&) = delete;

    // Connects, logs in, and waits for the server's word. `wake_fd`, or -1: ends it where readable.
    Status connect(std::uint64_t within_ms, int wake_fd);
    void close();
    bool is_open() const { return static_cast<bool>(socket_); }
    std::size_t max_payload() const { return max_payload_; }
    // For poll(): readable, or writable where unsent() is not 0, when exchange() has something to do. -1: closed.
    int fd() const { return socket_.get(); }

    // Returns the subscription's number.
    std::uint32_t subscribe(std::string_view subject);
    void unsubscribe(std::uint32_t subscription);
    // Into the buffer. `headers`: lines "Name: value\r\n", or nothing.
    void publish(std::string_view subject, std::string_view reply, std::string_view headers, std::string_view payload);
    // Into the buffer. `message_id`: the header Nats-Msg-Id.
    // The same with the header Nats-Msg-Id.
    void publish_once(std::string_view subject, std::string_view reply, std::string_view message_id,
                      std::string_view payload);
    std::size_t unsent() const { return out_.size() - sent_; }

    // Sends what it can and hands over what has come; waits for either, up to `wait_ms`. An error where the connection
    // is gone; close() then. `take` must not close it.
    Status exchange(std::uint64_t wait_ms, int wake_fd, const Take& take);

private:
    struct Free {
        void operator()(SSL* session) const { SSL_free(session); }
        void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
    };
    enum class Moved : std::uint8_t { kSome, kNone, kClosed };

    Status resolve(std::uint64_t until_ns);
    Status open_socket(std::uint64_t until_ns, int wake_fd);
    Status start_tls(std::uint64_t until_ns, int wake_fd);
    Status wait_for(short events, std::uint64_t until_ns, int wake_fd) const;
    Status expect(std::string_view word, std::uint64_t until_ns, int wake_fd);
    Moved read_some();
    Moved write_some();
    bool take_all(const Take& take);
    bool take_facts(std::string_view line);
    std::size_t take_one(std::string_view text, const Take& take);
    std::optional<std::size_t> take_message(std::string_view line, std::string_view rest, const Take& take) const;
    Result<std::string> login() const;

    NatsServer server_;
    std::size_t max_message_;
    UniqueFd socket_{};
    std::unique_ptr<SSL_CTX, Free> context_{};
    std::unique_ptr<SSL, Free> session_{};
    std::unique_ptr<Lookup> lookup_;
    // Which of the name's addresses is tried first: after an attempt that failed, the next one. One that never answers
    // takes all the time of an attempt.
    std::size_t first_address_ = 0;
    std::string in_{}, out_{};
    std::size_t sent_ = 0;  // of out_
    std::size_t max_payload_ = 1 << 20;
    bool wants_tls_ = false, has_tls_ = false;  // the server
    std::string nonce_{};                       // of the server, that a login with a key signs
    std::string error_{};                       // of the server, "-ERR …"
    std::uint32_t next_subscription_ = 1;
};

}  // namespace weir::runtime
