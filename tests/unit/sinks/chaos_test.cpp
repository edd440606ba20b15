// Everything that happens to peers, to all of them at once, with a worker for each sink as in an engine.
// WEIR_CHAOS_SECONDS says how long; some seconds when not given.
#include <sys/eventfd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include "runtime/sinks/exec.h"
#include "runtime/sinks/kafka.h"
#include "runtime/sinks/nats.h"
#include "runtime/sinks/worker.h"
#include "tests/unit/runtime/folder.h"
#include "tests/unit/sinks/kafka_peer.h"
#include "tests/unit/sinks/nats_peer.h"
#include "tests/unit/sinks/peer.h"

using namespace weir;
using namespace weir::runtime;
using namespace weir::tests;
using std::chrono::milliseconds, std::chrono::seconds, std::chrono::steady_clock;
namespace fs = std::filesystem;

namespace {

seconds how_long() {
    const char* given = std::getenv("WEIR_CHAOS_SECONDS");
    constexpr int kShort = 4;
    return seconds(given == nullptr ? kShort : std::atoi(given));
}

// A sink, and what its worker said of each event.
struct Watched {
    std::unique_ptr<Worker> worker{};
    std::size_t pushed = 0;
    std::map<std::string, const char*> settled{};  // by event_id(); null: delivered
    std::size_t twice = 0;
    std::map<std::string, std::size_t> lost_by{};

    void push(const PackedEvent& event) {
        std::vector<const PackedEvent*> one = {&event};
        worker->push(one);
        ++pushed;
    }
    void collect() {
        std::vector<Worker::Settled> some;
        worker->collect(some);
        for (const Worker::Settled& one : some) {
            twice += !settled.emplace(event_id(*one.event), one.lost).second;
            if (one.lost != nullptr) ++lost_by[one.lost];
        }
    }
    // Delivered ones that the peer does not have.
    std::size_t missing(const std::set<std::string>& peer) const {
        std::size_t count = 0;
        for (const auto& [id, lost] : settled) count += lost == nullptr && peer.count(id) == 0;
        return count;
    }
};

bpf::Manifest manifest() {
    bpf::Manifest all;
    all.policy = "chaos";
    all.rules.resize(1);
    all.rules[0].name = "rule";
    all.alerts.resize(1);
    all.alerts[0].name = "alert";
    return all;
}

std::string id_in(const std::string& line) {
    constexpr std::string_view kBegin = "\"id\":\"";
    const std::size_t at = line.find(kBegin);
    return at == std::string::npos
               ? line
               : line.substr(at + kBegin.size(), line.find('"', at + kBegin.size()) - at - kBegin.size());
}

// One thing a time, at random.
void disturb(std::mt19937& random, NatsServerProcess& nats, const KafkaCluster& kafka) {
    const auto wait = [&](unsigned most_ms) { std::this_thread::sleep_for(milliseconds(random() % most_ms)); };
    switch (random() % 6) {
        case 0:
            nats.end(SIGKILL);
            wait(300);
            nats.start(true);
            break;
        case 1:
            nats.send(SIGSTOP);
            wait(1500);
            nats.send(SIGCONT);
            break;
        case 2:
            rd_kafka_mock_broker_set_down(kafka.mock(), 1);
            wait(1500);
            rd_kafka_mock_broker_set_up(kafka.mock(), 1);
            break;
        case 3:
            kafka.fail_next_produces({RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
                                      RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND});
            break;
        case 4: rd_kafka_mock_broker_set_rtt(kafka.mock(), 1, static_cast<int>(random() % 300)); break;
        default: wait(500);
    }
}

// A program that notes the events it is run for; fails for some, and never ends for others.
struct Program {
    Program() {
        fs::permissions(folder.path, fs::perms(0755));
        fs::create_directory(folder.path / "bin");
        std::ofstream(log).close();
        fs::permissions(log, fs::perms(0666));
        std::ofstream(path) << "#!/bin/sh\ncase $WEIR_EVENT in *8) exit 3;; *c) exec sleep 1000;; esac\n"
                            << "echo $WEIR_EVENT >>" << log << "\n";
        fs::permissions(path, fs::perms(0755));
    }
    static bool fails(const std::string& event) { return event.ends_with('8') || event.ends_with('c'); }
    Folder folder{};
    std::string path = folder.path / "bin" / "note", log = folder.path / "log";
};

struct Sinks {
    Watched bus{}, lake{}, page{};
    void collect() {
        for (Watched* sink : {&bus, &lake, &page}) sink->collect();
    }
    bool are_done() const {
        return bus.settled.size() == bus.pushed && lake.settled.size() == lake.pushed &&
               page.settled.size() == page.pushed;
    }
};

void start(Sinks& sinks, const NatsServerProcess& nats, const KafkaCluster& kafka, const Program& program,
           const ExecBroker& broker, int wake_fd) {
    NatsTerms to_nats;
    to_nats.name = "bus", to_nats.url = nats.url(), to_nats.subject = kSubject, to_nats.silence_ms = 1000;
    KafkaTerms to_kafka;
    to_kafka.brokers = kafka.brokers(), to_kafka.topic = kTopic, to_kafka.delivery_timeout_ms = 2000;
    const ExecTerms to_program{program.path, "games", 1000, 8};
    sinks.bus.worker = std::make_unique<Worker>(std::make_unique<NatsSink>(to_nats), wake_fd);
    sinks.lake.worker = std::make_unique<Worker>(std::make_unique<KafkaSink>(to_kafka), wake_fd);
    sinks.page.worker = std::make_unique<Worker>(
        std::make_unique<ExecSink>(to_program, std::vector<std::vector<bpf::MessagePart>>{}, &broker), wake_fd);
}

// Of one moment; each twentieth runs a program.
void push_some(Sinks& sinks, std::deque<PackedEvent>& events, const bpf::Manifest& names) {
    for (int i = 0; i < 20; ++i) {
        PackedEvent& event = events.emplace_back();
        const weir_event record{};
        event.manifest = &names;
        event.ring = 0x1122334455667788;
        event.position = events.size() * 4;
        event.set_record({reinterpret_cast<const std::uint8_t*>(&record), sizeof(record)});
        sinks.bus.push(event), sinks.lake.push(event);
        if (i == 0) sinks.page.push(event);
    }
}

// What the peers have.
void check_peers(const Sinks& sinks, const NatsServerProcess& nats, const KafkaCluster& kafka, const Program& program) {
    std::set<std::string> in_nats, in_kafka, in_log;
    std::size_t doubles = 0;
    for (const auto& [line, times] : NatsReader(nats).read()) in_nats.insert(id_in(line)), doubles += times - 1;
    for (const auto& [key, times] : kafka.read(sinks.lake.pushed).times) in_kafka.insert(key);
    std::ifstream noted(program.log);
    for (std::string line; std::getline(noted, line);) doubles += !in_log.insert(line).second;
    CHECK(sinks.bus.missing(in_nats) == 0);
    CHECK(sinks.lake.missing(in_kafka) == 0);
    CHECK(sinks.page.missing(in_log) == 0);
    CHECK(doubles == 0);
    for (const auto& [id, lost] : sinks.page.settled)
        if (lost == nullptr && Program::fails(id)) FAIL(id << " is delivered, but its program failed");
}

}  // namespace

TEST_CASE("chaos: what was acknowledged is there, and every event is accounted for once") {
    const bpf::Manifest names = manifest();
    const KafkaCluster kafka;
    NatsServerProcess nats;
    { NatsReader(nats).add_stream(); }
    const Program program;
    auto broker = ExecBroker::start(program.folder.path / "bin");
    REQUIRE(broker);
    const UniqueFd woken(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    std::deque<PackedEvent> events;  // that never move, and outlive the sinks
    Sinks sinks;
    start(sinks, nats, kafka, program, **broker, woken.get());

    const auto end = steady_clock::now() + how_long();
    std::thread trouble([&] {
        std::mt19937 random(17);
        while (steady_clock::now() < end) disturb(random, nats, kafka);
        rd_kafka_mock_broker_set_rtt(kafka.mock(), 1, 0);
    });
    while (steady_clock::now() < end) {
        push_some(sinks, events, names);
        sinks.collect();
        std::this_thread::sleep_for(milliseconds(50));
    }
    trouble.join();
    // The peers are back: everything is settled in the end.
    for (int i = 0; i < 12'000 && !sinks.are_done(); ++i) {
        sinks.collect();
        std::this_thread::sleep_for(milliseconds(10));
    }
    CHECK(sinks.are_done());
    CHECK(sinks.bus.twice + sinks.lake.twice + sinks.page.twice == 0);
    CHECK(sinks.bus.lost_by.empty());
    CHECK(sinks.lake.lost_by.empty());
    check_peers(sinks, nats, kafka, program);
    for (Watched* sink : {&sinks.bus, &sinks.lake, &sinks.page}) sink->worker->end();
}
