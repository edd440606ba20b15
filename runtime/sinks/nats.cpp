// Tested by tests/unit/sinks/nats_test.cpp.
#include "runtime/sinks/nats.h"

#include <random>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "grammar/base/printable.h"
#include "runtime/kernel.h"

namespace weir::runtime {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMillisecond_ns = 1'000'000;
constexpr std::uint64_t kRound_ms = 500;  // after that deliver() returns, so that its state is seen
constexpr std::uint64_t kConnect_ms = 800;
constexpr std::size_t kMaxUnsent = 1 << 20;       // bytes that wait for the server to read
constexpr std::string_view kAccount = "account";  // in the place of an event's id: the answer to a question about us
constexpr int kStreamTooLarge = 10054;            // err_code of JetStream: message size exceeds maximum allowed

NatsServer server_of(const NatsTerms& terms) {
    NatsServer server = nats_server(terms.url);
    if (!terms.user.empty()) server.user = terms.user, server.password = terms.password;
    if (!terms.token.empty()) server.token = terms.token;
    server.authorities = terms.authorities;
    return server;
}

// Nobody else's.
std::string new_inbox() {
    std::random_device random;
    return fmt::format("_INBOX.weir{:08x}{:08x}{:08x}", random(), random(), random());
}

}  // namespace

NatsSink::NatsSink(NatsTerms terms) : terms_(std::move(terms)), server_(server_of(terms_)), connection_(server_) {}

void NatsSink::blame(const std::string& problem) { state_ = printable(server_.shown + ": " + problem); }

void NatsSink::lose_connection(const std::string& why) {
    blame(why);
    connection_.close();
    sent_.all_again();
}

bool NatsSink::open(std::uint64_t within_ms, int wake_fd) {
    if (connection_.is_open()) return true;
    const Status connected = connection_.connect(within_ms, wake_fd);
    if (!connected) return blame(connected.error().message), false;
    inbox_ = new_inbox();
    connection_.subscribe(inbox_ + ".*");
    is_asking_ = false;
    return true;
}

void NatsSink::prepare() { open(kConnect_ms, -1); }

// From the event `next` on, which it moves: each once a round.
void NatsSink::publish(Batch& batch, std::size_t& next) {
    for (; next < batch.size() && !batch.is_ending() && connection_.unsent() < kMaxUnsent; ++next) {
        const std::string_view id = batch.id(next), line = batch.line(next);
        if (!sent_.begin(id)) continue;
        if (sent_.waiting() == 1) answered_ns_ = monotonic_ns();
        // Two sinks may have one stream: their ids differ, or it would drop the second's as a double.
        const std::string message_id = fmt::format("{}/{}", id, terms_.name);
        constexpr std::size_t kHeaderBytes = 64;  // and the message's id
        if (line.size() + message_id.size() + kHeaderBytes > connection_.max_payload()) {
            sent_.lost(id, "too large");
            continue;
        }
        connection_.publish_once(terms_.subject, fmt::format("{}.{}", inbox_, id), message_id, line);
    }
}

void NatsSink::take_problem(std::string_view event, const std::string& problem) {
    sent_.again(event);
    blame(problem);
}

void NatsSink::take(const NatsConnection::Received& received) {
    if (received.subject.size() <= inbox_.size() + 1) return;
    const std::string_view event = received.subject.substr(inbox_.size() + 1);
    answered_ns_ = monotonic_ns();
    const json answer = json::parse(received.payload, nullptr, false);
    const bool is_object = answer.is_object();
    const auto error = is_object ? answer.find("error") : answer.end();
    const bool is_error = is_object && error != answer.end();
    if (event == kAccount) {
        is_asking_ = false;
        const bool has_jetstream = received.status != "503" && is_object && !is_error;
        return blame(has_jetstream ? "no stream takes subject " + terms_.subject
                                   : std::string("the server has no JetStream, or not for this account"));
    }
    if (received.status == "503") {
        sent_.again(event);
        if (!is_asking_) connection_.publish_once("$JS.API.INFO", fmt::format("{}.{}", inbox_, kAccount), kAccount, "");
        is_asking_ = true;
        return;
    }
    if (is_error && error->is_object()) {
        const auto code = error->find("err_code"), said = error->find("description");
        const bool is_large = code != error->end() && *code == kStreamTooLarge;
        if (is_large) sent_.lost(event, "too large");
        return take_problem(event, said != error->end() && said->is_string() ? said->get<std::string>() : "refused");
    }
    if (!is_object || !answer.contains("stream") || !answer.contains("seq"))
        return take_problem(event, "what answers on subject " + terms_.subject + " is no stream");
    sent_.delivered(event);
    state_ = "ok";
}

void NatsSink::deliver(Batch& batch) {
    if (!connection_.is_open() && batch.is_ending()) return;
    if (!open(kConnect_ms, batch.wake_fd())) return;
    const std::uint64_t until_ns = monotonic_ns() + kRound_ms * kMillisecond_ns;
    for (std::size_t next = 0; connection_.is_open();) {
        publish(batch, next);
        const std::uint64_t now_ns = monotonic_ns();
        const bool is_done = next == batch.size() && sent_.waiting() == 0 && !is_asking_;
        if (is_done || now_ns >= until_ns) break;
        const int wake_fd = batch.is_ending() ? -1 : batch.wake_fd();
        const Status status = connection_.exchange((until_ns - now_ns) / kMillisecond_ns + 1, wake_fd,
                                                   [this](const auto& received) { take(received); });
        if (!status) lose_connection(status.error().message);
    }
    sent_.settle(batch);
    if (batch.size() == 0) state_ = "ok";
    if (sent_.waiting() == 0) return;
    if (monotonic_ns() - answered_ns_ >= terms_.silence_ms * kMillisecond_ns)
        lose_connection("the server does not answer");
    batch.retry_after(1);
}

}  // namespace weir::runtime
