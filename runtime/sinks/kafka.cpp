// Tested by tests/unit/sinks/kafka_test.cpp.
#include "runtime/sinks/kafka.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <future>
#include <string_view>
#include <thread>
#include <utility>

#include "grammar/base/printable.h"
#include "runtime/kernel.h"
#include "runtime/sinks/peer_secrets.h"

namespace weir::runtime {
namespace {

constexpr std::uint64_t kMillisecond_ns = 1'000'000;
constexpr std::uint64_t kRound_ms = 500;      // after that deliver() returns, so that its state is seen
constexpr std::uint64_t kLastRound_ms = 500;  // once the engine ends
constexpr int kPoll_ms = 20;
constexpr int kMostARequest = 10'000;  // events; librdkafka's own

using Setting = std::pair<const char*, std::string>;

std::vector<Setting> settings_of(const KafkaTerms& terms, int most_a_request) {
    std::vector<Setting> settings = {
        {"bootstrap.servers", terms.brokers},
        {"client.id", "weir"},
        {"enable.idempotence", "true"},
        {"linger.ms", "5"},
        {"batch.num.messages", std::to_string(most_a_request)},
        {"compression.codec", "lz4"},
        {"delivery.timeout.ms", std::to_string(terms.delivery_timeout_ms)},
        // With the default of 10 s, a broker that is back is found too late for the attempts that wait.
        {"reconnect.backoff.ms", "50"},
        {"reconnect.backoff.max.ms", "500"},
        {"socket.timeout.ms", std::to_string(std::min(terms.delivery_timeout_ms, 10'000u))},
        {"socket.connection.setup.timeout.ms", "5000"},
        {"socket.keepalive.enable", "true"},
        {"topic.metadata.refresh.interval.ms", "60000"},
        // Of an answer. With the default of 100 MB, each broker could make us hold that.
        {"receive.message.max.bytes", "8000000"},
        {"allow.auto.create.topics", "false"},
    };
    if (!terms.authorities.empty() || !terms.user.empty()) {
        settings.emplace_back("security.protocol", terms.user.empty() ? "ssl" : "sasl_ssl");
        settings.emplace_back("ssl.ca.location", certificate_authorities(terms.authorities));
        settings.emplace_back("ssl.endpoint.identification.algorithm", "https");
    }
    if (!terms.user.empty()) {
        settings.emplace_back("sasl.mechanisms", "PLAIN");
        settings.emplace_back("sasl.username", terms.user);
        settings.emplace_back("sasl.password", terms.password);
    }
    return settings;
}

// What no further attempt mends. Null for others.
const char* loss(rd_kafka_resp_err_t error) {
    switch (error) {
        case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE: return "too large";
        case RD_KAFKA_RESP_ERR_INVALID_RECORD: return "refused";
        default: return nullptr;
    }
}

// librdkafka waits for its threads, and one of those may wait for a name server as long as that takes: then it ends
// alone. It calls nothing of ours any more.
void destroy(rd_kafka_t* producer) {
    constexpr std::chrono::milliseconds kMost{500};
    std::promise<void> ended;
    const std::future<void> end = ended.get_future();
    std::thread([producer, ended = std::move(ended)]() mutable {
        rd_kafka_destroy_flags(producer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        ended.set_value();
    }).detach();
    end.wait_for(kMost);
}

std::string_view key_of(const rd_kafka_message_t& message) {
    return {static_cast<const char*>(message.key), message.key_len};
}

}  // namespace

KafkaSink::KafkaSink(KafkaTerms terms) : terms_(std::move(terms)) {}

KafkaSink::~KafkaSink() { close(); }

void KafkaSink::blame(const std::string& problem) { state_ = printable(problem); }

void KafkaSink::take_report(rd_kafka_t*, const rd_kafka_message_t* message, void* sink) {
    auto& self = *static_cast<KafkaSink*>(sink);
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) return self.take_failure(key_of(*message), message->err);
    self.sent_.delivered(key_of(*message));
    self.state_ = "ok";
}

// After an attempt of which librdkafka has tried all that it may.
void KafkaSink::take_failure(std::string_view id, int error) {
    if (error == RD_KAFKA_RESP_ERR__PURGE_QUEUE || error == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT) return sent_.again(id);
    blame("topic " + terms_.topic + ": " + rd_kafka_err2str(static_cast<rd_kafka_resp_err_t>(error)));
    // The broker's limit is of a whole request.
    const bool is_request = error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE && !is_one_by_one_;
    const char* reason = is_request ? nullptr : loss(static_cast<rd_kafka_resp_err_t>(error));
    wants_one_by_one_ = wants_one_by_one_ || is_request;
    if (reason == nullptr)
        sent_.again(id);
    else
        sent_.lost(id, reason);
}

// Of the connections. Most pass; an event that was delivered says so.
void KafkaSink::take_error(rd_kafka_t*, int error, const char* reason, void* sink) {
    auto& self = *static_cast<KafkaSink*>(sink);
    self.is_fatal_ = self.is_fatal_ || error == RD_KAFKA_RESP_ERR__FATAL;
    self.blame(reason);
}

bool KafkaSink::open() {
    // What waits for an answer would be sent twice: first those.
    const bool is_other = wants_one_by_one_ != is_one_by_one_ && sent_.waiting() == 0;
    if (producer_ != nullptr && !is_fatal_ && !is_other) return true;
    close();
    is_one_by_one_ = wants_one_by_one_;
    char problem[512] = {};
    rd_kafka_conf_t* settings = rd_kafka_conf_new();
    for (const auto& [name, value] : settings_of(terms_, is_one_by_one_ ? 1 : kMostARequest))
        if (rd_kafka_conf_set(settings, name, value.c_str(), problem, sizeof(problem)) != RD_KAFKA_CONF_OK) {
            rd_kafka_conf_destroy(settings);
            // Its own words repeat the value, which may be a secret.
            return blame(std::string("librdkafka does not take its setting ") + name), false;
        }
    rd_kafka_conf_set_opaque(settings, this);
    rd_kafka_conf_set_dr_msg_cb(settings, take_report);
    rd_kafka_conf_set_error_cb(settings, take_error);
    rd_kafka_conf_set_log_cb(settings, nullptr);  // else it writes to standard error
    producer_ = rd_kafka_new(RD_KAFKA_PRODUCER, settings, problem, sizeof(problem));
    if (producer_ == nullptr) {
        rd_kafka_conf_destroy(settings);
        return blame(problem), false;
    }
    topic_ = rd_kafka_topic_new(producer_, terms_.topic.c_str(), nullptr);
    if (topic_ != nullptr) return true;
    blame("topic " + terms_.topic + ": " + rd_kafka_err2str(rd_kafka_last_error()));
    close();
    return false;
}

void KafkaSink::close() {
    is_fatal_ = false;
    if (producer_ == nullptr) return;
    rd_kafka_purge(producer_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
    rd_kafka_poll(producer_, 0);
    if (topic_ != nullptr) rd_kafka_topic_destroy(topic_);
    topic_ = nullptr;
    destroy(std::exchange(producer_, nullptr));
    sent_.all_again();
}

void KafkaSink::prepare() { open(); }

void KafkaSink::produce(Batch& batch) {
    for (std::size_t i = 0; i < batch.size() && !batch.is_ending(); ++i) {
        const std::string_view id = batch.id(i), line = batch.line(i);
        if (!sent_.begin(id)) continue;
        const int produced =
            rd_kafka_produce(topic_, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, const_cast<char*>(line.data()),
                             line.size(), id.data(), id.size(), nullptr);
        const rd_kafka_resp_err_t error = produced == 0 ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_last_error();
        if (error == RD_KAFKA_RESP_ERR_NO_ERROR) continue;
        if (const char* reason = loss(error)) {
            sent_.lost(id, reason);
            blame(rd_kafka_err2str(error));
            continue;
        }
        sent_.again(id);
        if (error == RD_KAFKA_RESP_ERR__FATAL) is_fatal_ = true;
        if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) blame(rd_kafka_err2str(error));
        return;
    }
}

void KafkaSink::deliver(Batch& batch) {
    if (!open()) return;
    produce(batch);
    const std::uint64_t begin_ns = monotonic_ns();
    while (sent_.waiting() != 0 && !is_fatal_) {
        const std::uint64_t most_ms = batch.is_ending() ? kLastRound_ms : kRound_ms;
        if (monotonic_ns() - begin_ns >= most_ms * kMillisecond_ns) break;
        rd_kafka_poll(producer_, kPoll_ms);
    }
    rd_kafka_poll(producer_, 0);
    sent_.settle(batch);
    if (batch.size() == 0) state_ = "ok";
    if (sent_.waiting() != 0) batch.retry_after(1);
}

}  // namespace weir::runtime
