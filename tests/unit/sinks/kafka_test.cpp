#include "runtime/sinks/kafka.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

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
                                RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
                                RD_KAFKA_RESP_ERR_INVALID_MSG});  // damaged on its way
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

TEST_CASE("kafka: an answer that is larger than any is not waited for") {
    const DullServer server(std::string("\x05\0\0\0", 4) + std::string(100, 'x'));  // 84 MB are announced
    const auto events = lines(1);
    Batch batch(events);
    KafkaSink sink(terms("127.0.0.1:" + std::to_string(server.port())));
    CHECK(deliver_until(
        sink, batch, [&] { return sink.state().find("Invalid response size 83886080") != std::string::npos; },
        std::chrono::seconds(30)));
    CHECK(batch.size() == 1);
}

TEST_CASE("kafka: a name server that never answers does not hold the end") {
    // In a process of its own, which has another /etc/resolv.conf.
    const pid_t child = fork();
    if (child == 0) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(53);
        inet_pton(AF_INET, "127.77.0.53", &address.sin_addr);
        const UniqueFd silent(socket(AF_INET, SOCK_DGRAM, 0));
        if (bind(silent.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 ||
            !replace_file("/etc/resolv.conf", "nameserver 127.77.0.53\noptions timeout:8 attempts:2\n"))
            _exit(2);
        const auto events = lines(1);
        Batch batch(events);
        auto sink = std::make_unique<KafkaSink>(terms("broker.example:9092"));
        sink->deliver(batch);
        const std::uint64_t begin_ns = monotonic_ns();
        sink.reset();
        const std::uint64_t took_ms = (monotonic_ns() - begin_ns) / 1'000'000;
        _exit(took_ms < 1500 ? 0 : 1);
    }
    int how = 0;
    REQUIRE(waitpid(child, &how, 0) == child);
    CHECK(how == 0);
}
