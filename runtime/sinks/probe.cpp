// Tested by tests/unit/runtime/probe_test.cpp.
#include "runtime/sinks/probe.h"

#include <cstdint>
#include <memory>

#include <fmt/format.h>

#include "runtime/kernel.h"
#include "runtime/sinks/batch.h"
#include "runtime/sinks/make.h"
#include "runtime/sinks/packed_event.h"

namespace weir::runtime {
namespace {

// A policy of one rule and one alert, so that the event can be told from all others.
bpf::Manifest marked(std::string_view policy) {
    bpf::Manifest manifest;
    manifest.policy = policy;
    bpf::RuleInfo rule;
    rule.name = kProbeName;
    manifest.rules.push_back(rule);
    bpf::AlertInfo alert;
    alert.name = kProbeName;
    alert.severity = bpf::AlertSeverity::kLow;
    alert.message = {std::string("a test by weir check --sinks: there was no packet")};
    manifest.alerts.push_back(alert);
    return manifest;
}

}  // namespace

SinkProbe probe_sink(const bpf::SinkInfo& declared, std::string_view policy) {
    const bpf::Manifest manifest = marked(policy);
    PackedEvent event;
    event.manifest = &manifest;
    event.wall_clock_ns = realtime_ns();
    event.ring = event.wall_clock_ns;  // no two tries have the same id
    weir_event record{};
    record.verdict = ~std::uint8_t{0};
    event.set_record({reinterpret_cast<const std::uint8_t*>(&record), sizeof(record)});
    const PackedEvent* const events[] = {&event};
    bpf::SinkInfo direct = declared;  // to the peer itself, not into a spool
    std::erase_if(direct.options, [](const bpf::SinkOption& option) { return option.word == SinkWord::kSpool; });
    const std::unique_ptr<Sink> sink = make_sink(direct, {});
    sink->prepare();
    Batch batch(events);
    sink->probe(batch);
    SinkProbe probe;
    const auto settled = batch.outcomes();
    probe.is_delivered = settled.size() == 1 && settled.front() == nullptr;
    probe.state = sink->state();
    if (!probe.is_delivered && probe.state == "ok")
        probe.state = settled.empty() ? "no answer" : fmt::format("the event is lost: {}", settled.front());
    return probe;
}

}  // namespace weir::runtime
