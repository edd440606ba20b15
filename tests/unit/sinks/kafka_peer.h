// librdkafka's brokers, in this process.
#pragma once

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace weir::tests {

inline constexpr const char* kTopic = "weir";

class KafkaCluster {
public:
    KafkaCluster()
        : owner_(rd_kafka_new(RD_KAFKA_PRODUCER, quiet(), nullptr, 0)), mock_(rd_kafka_mock_cluster_new(owner_, 1)) {
        rd_kafka_mock_topic_create(mock_, kTopic, 3, 1);
    }
    ~KafkaCluster() {
        rd_kafka_mock_cluster_destroy(mock_);
        rd_kafka_destroy(owner_);
    }
    std::string brokers() const { return rd_kafka_mock_cluster_bootstraps(mock_); }
    rd_kafka_mock_cluster_t* mock() const { return mock_; }
    void fail_next_produces(const std::vector<rd_kafka_resp_err_t>& errors) const {
        constexpr std::int16_t kProduce = 0;  // Kafka's number of that request
        rd_kafka_mock_push_request_errors_array(mock_, kProduce, errors.size(), errors.data());
    }

    // How often each key is there, and the last value of each. Waits for `keys` of them.
    struct Read {
        std::map<std::string, std::size_t> times{};
        std::map<std::string, std::string> values{};
    };
    Read read(std::size_t keys) const {
        rd_kafka_conf_t* settings = quiet();
        rd_kafka_conf_set(settings, "bootstrap.servers", brokers().c_str(), nullptr, 0);
        rd_kafka_conf_set(settings, "group.id", "test", nullptr, 0);
        rd_kafka_t* consumer = rd_kafka_new(RD_KAFKA_CONSUMER, settings, nullptr, 0);
        rd_kafka_poll_set_consumer(consumer);
        rd_kafka_topic_partition_list_t* all = rd_kafka_topic_partition_list_new(3);
        for (int i = 0; i < 3; ++i)
            rd_kafka_topic_partition_list_add(all, kTopic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
        rd_kafka_assign(consumer, all);
        Read read;
        // After the last of them, doubles may still come: until it is quiet.
        for (int quiet_rounds = 0; quiet_rounds < 20;) {
            rd_kafka_message_t* message = rd_kafka_consumer_poll(consumer, 50);
            quiet_rounds = message != nullptr && message->err == 0 ? 0 : quiet_rounds + (read.times.size() >= keys);
            if (message == nullptr) continue;
            if (message->err == 0) {
                const std::string key(static_cast<const char*>(message->key), message->key_len);
                ++read.times[key];
                read.values[key].assign(static_cast<const char*>(message->payload), message->len);
            }
            rd_kafka_message_destroy(message);
        }
        rd_kafka_topic_partition_list_destroy(all);
        rd_kafka_consumer_close(consumer);
        rd_kafka_destroy(consumer);
        return read;
    }

private:
    static rd_kafka_conf_t* quiet() {
        rd_kafka_conf_t* settings = rd_kafka_conf_new();
        rd_kafka_conf_set_log_cb(settings, nullptr);
        return settings;
    }
    rd_kafka_t* owner_;
    rd_kafka_mock_cluster_t* mock_;
};

}  // namespace weir::tests
