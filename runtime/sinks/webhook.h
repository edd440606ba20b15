// POSTs events as a JSON array to an HTTP endpoint: docs/http-sinks.md.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/sinks/http_client.h"
#include "runtime/sinks/secret_header.h"
#include "runtime/sinks/sink.h"

namespace weir::runtime {

struct WebhookOptions {
    std::string url{};
    std::vector<SecretHeader> headers{};
    std::size_t batch = 100;            // events of a request, at most
    std::uint32_t timeout_ms = 10'000;  // of a request
};

// An event is delivered once the answer to its request is 2xx. After 408, 425, 429 and 5xx, a time-out or a connection
// that fails it is sent again, with the same id and, where the request is the same, the same Idempotency-Key. Every
// other answer refuses it; 413 halves the request first.
class Webhook : public Sink {
public:
    explicit Webhook(WebhookOptions options);
    void deliver(Batch& batch) override;
    std::string state() const override { return state_; }
    std::size_t batch_size() const override { return options_.batch; }

private:
    enum class Next : std::uint8_t { kGoOn, kWait };
    Next take_reply(Batch& batch, std::size_t count, const HttpReply& reply);
    std::string said(const HttpReply& reply) const;

    WebhookOptions options_;
    std::string origin_;
    HttpClient client_{};
    std::size_t at_once_;  // less than options_.batch after 413
    std::string body_{};   // of the last request; kept for its room
    std::string state_ = "ok";
    std::uint64_t not_before_ns_ = 0;  // CLOCK_MONOTONIC: Retry-After
};

}  // namespace weir::runtime
