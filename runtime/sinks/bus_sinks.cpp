// Tested by tests/unit/sinks/bus_sinks_test.cpp.
#include "runtime/sinks/bus_sinks.h"

#include <string>
#include <utility>
#include <vector>

#include "runtime/sinks/exec.h"
#include "runtime/sinks/peer_secrets.h"
#ifdef WEIR_HAS_KAFKA
#include "runtime/sinks/kafka.h"
#endif
#ifdef WEIR_HAS_NATS
#include "runtime/sinks/nats.h"
#endif

namespace weir::runtime {

using bpf::SinkWord;

#ifdef WEIR_HAS_KAFKA
std::unique_ptr<Sink> make_kafka_sink(const bpf::SinkInfo& sink) {
    KafkaTerms terms;
    terms.brokers = sink.text(SinkWord::kBrokers);
    terms.topic = sink.text(SinkWord::kTopic);
    terms.authorities = sink_variable(sink.name, "AUTHORITIES");
    terms.user = sink_variable(sink.name, "USER");
    terms.password = sink_variable(sink.name, "PASSWORD");
    return std::make_unique<KafkaSink>(std::move(terms));
}
#endif

#ifdef WEIR_HAS_NATS
std::unique_ptr<Sink> make_nats_sink(const bpf::SinkInfo& sink) {
    NatsTerms terms;
    terms.name = sink.name;
    terms.url = sink.text(SinkWord::kUrl);
    terms.subject = sink.text(SinkWord::kSubject);
    terms.user = sink_variable(sink.name, "USER");
    terms.password = sink_variable(sink.name, "PASSWORD");
    terms.token = sink_variable(sink.name, "TOKEN");
    terms.authorities = sink_variable(sink.name, "AUTHORITIES");
    return std::make_unique<NatsSink>(std::move(terms));
}
#endif

std::unique_ptr<Sink> make_exec_sink(const bpf::SinkInfo& sink, const ExecBroker* broker) {
    constexpr std::uint64_t kMillisecond_ns = 1'000'000, kTimeout_ns = 10'000 * kMillisecond_ns, kAtOnce = 4;
    ExecTerms terms;
    terms.path = sink.text(SinkWord::kPath);
    terms.user = sink.text(SinkWord::kUser);
    terms.timeout_ms = sink.number(SinkWord::kTimeout, kTimeout_ns) / kMillisecond_ns;
    terms.at_once = static_cast<std::uint32_t>(sink.number(SinkWord::kAtOnce, kAtOnce));
    std::vector<std::vector<bpf::MessagePart>> arguments;
    for (const bpf::SinkOption& option : sink.options)
        if (option.word == SinkWord::kArgument) arguments.push_back(option.parts);
    return std::make_unique<ExecSink>(std::move(terms), std::move(arguments), broker);
}

}  // namespace weir::runtime
