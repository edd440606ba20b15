// Produces each event to a topic of Kafka (librdkafka).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/sinks/sent.h"
#include "runtime/sinks/sink.h"

struct rd_kafka_s;
struct rd_kafka_topic_s;
struct rd_kafka_message_s;

namespace weir::runtime {

struct KafkaTerms {
    std::string brokers;  // "HOST:PORT,HOST:PORT"
    std::string topic;
    // With either, TLS: a file of authorities, and SASL's PLAIN. From the environment (runtime/sinks/peer_secrets.h).
    std::string authorities{};
    std::string user{}, password{};
    std::uint32_t delivery_timeout_ms = 20'000;  // of one attempt; the event is tried again after that
};

// An event is a message: its key is event_id(), its value the line. Delivered: all replicas in sync have it. The
// producer is idempotent, so that an attempt of its own is written once; an event whose attempt timed out is tried
// again and may be there twice, with the same key.
class KafkaSink : public Sink {
public:
    explicit KafkaSink(KafkaTerms terms);
    ~KafkaSink() override;

    void deliver(Batch& batch) override;
    void prepare() override;
    std::string state() const override { return state_; }
    std::size_t batch_size() const override { return 10'000; }

private:
    static void take_report(rd_kafka_s* producer, const rd_kafka_message_s* message, void* sink);
    static void take_error(rd_kafka_s* producer, int error, const char* reason, void* sink);
    bool open();
    void close();
    void produce(Batch& batch);
    void take_failure(std::string_view id, int error);
    void blame(const std::string& problem);

    KafkaTerms terms_;
    rd_kafka_s* producer_ = nullptr;
    rd_kafka_topic_s* topic_ = nullptr;
    bool is_fatal_ = false;  // the producer can do nothing more
    // An event a request: some broker takes less than we put in one. As the producer is, and as the next one has to be.
    bool is_one_by_one_ = false, wants_one_by_one_ = false;
    Sent sent_{};
    std::string state_ = "ok";
};

}  // namespace weir::runtime
