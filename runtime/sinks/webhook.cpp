// Tested by tests/unit/runtime/webhook_test.cpp.
#include "runtime/sinks/webhook.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "runtime/kernel.h"

namespace weir::runtime {
namespace {

constexpr std::size_t kMaxBodyBytes = 1 << 20;  // of a request of more than one event
constexpr std::size_t kMaxReplyBytes = 64 << 10;
constexpr std::uint64_t kMillisecond_ns = 1'000'000;

// The far side, or something before it, may do better later.
bool is_passing(int status) { return status == 408 || status == 425 || status == 429 || status >= 500; }

// Of the batch's first events, `most` and kMaxBodyBytes at most, but one at least. Returns how many.
std::size_t write_body(Batch& batch, std::size_t most, std::string& body) {
    body = "[";
    std::size_t count = 0;
    for (; count < std::min(most, batch.size()); ++count) {
        const std::string_view line = batch.line(count);
        if (count != 0 && body.size() + line.size() > kMaxBodyBytes) break;
        if (count != 0) body += ',';
        body += line;
    }
    body += ']';
    return count;
}

}  // namespace

Webhook::Webhook(WebhookOptions options)
    : options_(std::move(options)),
      origin_(origin_of(options_.url)),
      at_once_(std::max<std::size_t>(options_.batch, 1)) {
    if (!options_.headers.empty()) hide_secrets();
}

std::string Webhook::said(const HttpReply& reply) const {
    if (reply.status == 0) return fmt::format("{}: {}", origin_, reply.failure);
    const bool leads_on = reply.status >= 300 && reply.status < 400;
    return fmt::format("{} answered {}{}", origin_, reply.status, leads_on ? "; redirects are not followed" : "");
}

void Webhook::deliver(Batch& batch) {
    while (batch.size() != 0) {
        if (const std::uint64_t now_ns = monotonic_ns(); now_ns < not_before_ns_)
            return batch.retry_after(static_cast<std::uint32_t>((not_before_ns_ - now_ns) / kMillisecond_ns) + 1);
        HttpRequest request;
        request.url = options_.url;
        request.timeout_ms = options_.timeout_ms;
        request.connect_timeout_ms = std::min(request.connect_timeout_ms, options_.timeout_ms);
        request.max_reply_bytes = kMaxReplyBytes;
        request.headers = {"Content-Type: application/json", "User-Agent: weir"};
        for (const SecretHeader& header : options_.headers) {
            auto line = header.line();
            if (!line) {
                state_ = line.error().message;
                return;
            }
            request.headers.push_back(std::move(*line));
        }
        const std::size_t count = write_body(batch, at_once_, body_);
        request.headers.push_back(fmt::format("Idempotency-Key: {}.{}", batch.id(0), batch.id(count - 1)));
        request.body = body_;
        const HttpReply reply = client_.post(request, batch.wake_fd());
        if (take_reply(batch, count, reply) == Next::kWait || batch.is_ending()) return;
    }
}

// The status counts once it is here: a reply whose body never ends has been given all the same.
Webhook::Next Webhook::take_reply(Batch& batch, std::size_t count, const HttpReply& reply) {
    if (reply.status >= 200 && reply.status < 300) {
        state_ = "ok";
        at_once_ = std::min(at_once_ + at_once_ / 8 + 1, options_.batch);
        batch.delivered(count);
        return Next::kGoOn;
    }
    if (reply.is_stopped && reply.status == 0) return Next::kWait;  // state() keeps what was wrong before
    state_ = said(reply);
    if (reply.status == 0 || is_passing(reply.status)) {
        if (reply.retry_after_ms && *reply.retry_after_ms != 0) {
            not_before_ns_ = monotonic_ns() + *reply.retry_after_ms * kMillisecond_ns;
            batch.retry_after(*reply.retry_after_ms);
        }
        return Next::kWait;
    }
    if (reply.status == 413 && count > 1) {
        at_once_ = count / 2;
        return Next::kGoOn;
    }
    batch.lost(reply.status == 413 ? "too large" : "refused", count);
    return Next::kGoOn;
}

}  // namespace weir::runtime
