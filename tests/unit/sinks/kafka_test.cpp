#include "runtime/sinks/kafka.h"

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "runtime/kernel.h"
#include "tests/unit/sinks/kafka_peer.h"
#include "tests/unit/sinks/peer.h"

using namespace weir::runtime;
using namespace weir::tests;

namespace {

using Cluster = KafkaCluster;

KafkaTerms terms(const std::string& brokers) { return {brokers, kTopic, {}, {}, {}, 20'000}; }

std::size_t doubles(const Cluster::Read& read) {
    std::size_t count = 0;
    for (const auto& [key, times] : read.times) count += times - 1;
    return count;
}

}  // namespace

TEST_CASE("kafka: each event arrives once, with its id as key") {
    const Cluster cluster;
    const auto events = lines(20'000);
    Batch batch(events);
    KafkaSink sink(terms(cluster.brokers()));
    sink.prepare();
    REQUIRE(deliver_all(sink, batch));
    CHECK(outcomes(batch) == std::map<std::string, std::size_t>{{"", 20'000}});
    CHECK(sink.state() == "ok");
    const auto read = cluster.read(events.size());
    REQUIRE(read.times.size() == events.size());
    CHECK(doubles(read) == 0);
    for (const SpooledLine& event : events) REQUIRE(read.values.at(event.id) == event.text);
}

TEST_CASE("kafka: errors that pass lose nothing and double nothing") {
    const Cluster cluster;
    cluster.fail_next_produces({RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
                                RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
                                RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND});
    const auto events = lines(5'000);
    Batch batch(events);
    KafkaSink sink(terms(cluster.brokers()));
    REQUIRE(deliver_all(sink, batch));
    CHECK(outcomes(batch) == std::map<std::string, std::size_t>{{"", 5'000}});
    const auto read = cluster.read(events.size());
    CHECK(read.times.size() == events.size());
}

TEST_CASE("kafka: a broker that is down is said, and nothing is lost once it is back") {
    const Cluster cluster;
    const auto events = lines(2'000);
    KafkaTerms short_terms = terms(cluster.brokers());
    short_terms.delivery_timeout_ms = 1500;  // attempts time out while it is down
    KafkaSink sink(short_terms);
    const std::span<const SpooledLine> all = events;
    Batch first(all.first(100));
    REQUIRE(deliver_all(sink, first));
    rd_kafka_mock_broker_set_down(cluster.mock(), 1);
    Batch batch(all.subspan(100));
    const std::uint64_t begin_ns = monotonic_ns();
    REQUIRE(deliver_until(sink, batch, [&] { return monotonic_ns() - begin_ns > 4'000'000'000; }));
    CHECK(batch.size() == 1'900);
    CHECK(sink.state() != "ok");
    INFO(sink.state());
    rd_kafka_mock_broker_set_up(cluster.mock(), 1);
    REQUIRE(deliver_all(sink, batch));
    CHECK(outcomes(batch) == std::map<std::string, std::size_t>{{"", 1'900}});
    CHECK(sink.state() == "ok");
    CHECK(cluster.read(events.size()).times.size() == events.size());
}

TEST_CASE("kafka: what a broker finds too large is lost alone") {
    const Cluster cluster;
    auto events = lines(300);
    events[7].text.assign(2'000'000, 'x');  // more than a producer sends
    Batch batch(events);
    KafkaSink sink(terms(cluster.brokers()));
    REQUIRE(deliver_all(sink, batch));
    CHECK(outcomes(batch) == std::map<std::string, std::size_t>{{"", 299}, {"too large", 1}});
    CHECK(batch.outcomes()[7] == std::string("too large"));

    // A broker's own limit is of a whole request: all of it come once more, each alone.
    cluster.fail_next_produces({RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE});
    const auto more = lines(300, "fedcba9876543210-");
    Batch second(more);
    REQUIRE(deliver_all(sink, second));
    CHECK(outcomes(second) == std::map<std::string, std::size_t>{{"", 300}});
    cluster.fail_next_produces({RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE});
    const auto last = lines(50, "00000000deadbeef-");
    Batch third(last);
    REQUIRE(deliver_all(sink, third));
    CHECK(outcomes(third) == std::map<std::string, std::size_t>{{"", 49}, {"too large", 1}});
}

TEST_CASE("kafka: a broker that never answers holds nobody, not even the end") {
    const DullServer server;
    const auto events = lines(10);
    EndSignal end;
    Batch batch(events, &end);
    KafkaTerms silent = terms("127.0.0.1:" + std::to_string(server.port()));
    silent.delivery_timeout_ms = 1000;
    auto sink = std::make_unique<KafkaSink>(silent);
    REQUIRE(deliver_until(*sink, batch, [&] { return sink->state() != "ok"; }));
    CHECK(batch.size() == events.size());
    end.set();
    sink->deliver(batch);
    CHECK(batch.size() == events.size());
    sink.reset();  // and does not wait for it
}

TEST_CASE("kafka: a password that librdkafka cannot use is not shown") {
    KafkaTerms secret = terms("127.0.0.1:1");
    secret.user = "weir";
    secret.password = "do-not-show-me";
    secret.authorities = "/there/is/no/such/file.pem";
    KafkaSink sink(secret);
    const auto events = lines(1);
    Batch batch(events);
    sink.deliver(batch);
    CHECK(sink.state() != "ok");
    CHECK(sink.state().find("do-not-show-me") == std::string::npos);
    CHECK(batch.size() == 1);
}
