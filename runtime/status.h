// What an engine says of itself: numbers for people and for metrics.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/object.h"

namespace weir::runtime {

enum class AttachMode : std::uint8_t { kAuto, kNative, kGeneric };

// What became of events. matched = delivered + suppressed + lost + pending, exactly.
struct Account {
    std::uint64_t matched = 0;            // an alert ran for a packet
    std::uint64_t delivered = 0;
    std::uint64_t suppressed = 0;         // held back by a throttle
    std::uint64_t lost = 0;               // no room in the ring, or a sink could not take it
    std::uint64_t pending = 0;            // in the ring, not read yet
};

struct InterfaceStatus {
    std::string name;
    AttachMode mode = AttachMode::kNative;
};
struct CounterStatus {
    std::string name;
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
};
// Lost: one of the alert's sinks at least did not take the event. The sinks' own accounts say which.
struct AlertStatus : Account {
    std::string name;
};
struct SinkStatus : Account {
    std::string name;
    std::string state;                    // "ok", or what is wrong
};
struct SetStatus {
    std::string name;
    std::uint64_t entries = 0;            // those that change: whose time is not over
    std::uint64_t refused = 0;            // adds by packets that found no room
};
// The state of a term or of a throttle, by what it belongs to: "rule r: rate(ip.src) per 1s".
struct TermStatus {
    std::string name;
    std::uint64_t keys = 0;
    std::uint64_t evicted = 0;            // keys that others took the place of
    std::uint64_t refused = 0;            // packets that were not counted
};
struct EngineStatus {
    std::string name;
    std::string policy;
    std::uint32_t generation = 0;
    std::string loaded_at;                // RFC 3339, UTC
    std::vector<InterfaceStatus> interfaces;
    std::vector<CounterStatus> rules;     // in the policy's order
    CounterStatus default_;
    CounterStatus malformed;
    std::vector<AlertStatus> alerts;
    std::vector<SinkStatus> sinks;
    std::vector<SetStatus> sets;
    std::vector<TermStatus> terms;
};

}  // namespace weir::runtime
