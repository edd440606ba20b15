// Sinks `kafka`, `nats` and `exec` as a policy declares them.
#pragma once

#include <memory>

#include "compiler/object.h"
#include "runtime/sinks/exec_broker.h"
#include "runtime/sinks/sink.h"

namespace weir::runtime {

// Of Debian, that a build with them needs.
inline constexpr const char* kKafkaPackage = "librdkafka-dev";
inline constexpr const char* kNatsPackage = "libssl-dev";

// With WEIR_HAS_KAFKA, WEIR_HAS_NATS. Secrets come from the environment: runtime/sinks/peer_secrets.h.
std::unique_ptr<Sink> make_kafka_sink(const bpf::SinkInfo& sink);
std::unique_ptr<Sink> make_nats_sink(const bpf::SinkInfo& sink);
// `broker`: null where --allow-exec was not given.
std::unique_ptr<Sink> make_exec_sink(const bpf::SinkInfo& sink, const ExecBroker* broker);

}  // namespace weir::runtime
