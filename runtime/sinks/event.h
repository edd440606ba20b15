// One event, as the kernel sent it and as people read it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bpf/abi.h"
#include "compiler/object.h"
#include "runtime/pcapng.h"

namespace weir::runtime {

// A packet that rides along with an event. Names are as the kernel and the policy have them: whoever shows them calls
// printable().
struct CapturedPacket {
    std::vector<std::uint8_t> bytes{};  // its first ones
    std::uint32_t original_bytes = 0;
    std::uint64_t wall_clock_ns = 0;
    std::string interface{};
    std::string rule{};     // that decided, "default" and the like, too; of the event's own packet, the event's rule
    std::string verdict{};  // as in Event
    std::optional<std::uint32_t> verdict_number{};  // enum weir_verdict
    PacketDirection direction = PacketDirection::kUnknown;
};

// As texts, for whoever is in no hurry; what waits for sinks is a PackedEvent.
struct Event {
    std::string id;                   // event_id()
    weir_event record{};              // numbers refer to the manifest of record.generation
    std::uint64_t wall_clock_ns = 0;  // since 1970, of record.time_ns
    std::string policy;
    std::string rule;
    std::string alert;
    std::string severity;   // "low", "medium", "high", "critical"
    std::string message;    // holes filled; control bytes escaped
    std::string interface;  // that the packet came in on, or leaves by
    bpf::Direction direction = bpf::Direction::kIn;
    std::string verdict;                     // "drop"; "would drop" of an observed rule; empty where the rule has none
    std::uint64_t escalated = 0;             // of a copy that `escalate` made: events of its key that it stands for
    std::string redirected_to;               // the interface, where the verdict is `redirect`, or would be
    std::optional<CapturedPacket> packet{};  // that it is about, where the rule captures
    std::vector<CapturedPacket> before{};    // packets of its key before it, in their order
};

}  // namespace weir::runtime
