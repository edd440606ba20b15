// An event as it waits for its sinks: the kernel's record and what is needed to say it, not yet text. Made once by the
// engine's thread and never changed while a sink has it, so that workers read it without a lock.
#pragma once

#include <net/if.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "bpf/abi.h"
#include "compiler/object.h"
#include "runtime/sinks/event.h"

namespace weir::runtime {

// What a rule's `capture` adds.
struct Captures {
    CapturedPacket packet{};               // that the event is about
    std::vector<CapturedPacket> before{};  // packets of its key before it, in their order
};

struct PackedEvent {
    const bpf::Manifest* manifest = nullptr;     // of its generation; it outlives the event
    std::uint64_t wall_clock_ns = 0;             // since 1970, of the packet
    std::uint64_t ring = 0, position = 0;        // where it was: together they name the event
    std::uint64_t escalated = 0;                 // 0: an event. Else a copy that stands for so many of its key
    std::uint32_t escalation = 0;                // of a copy: which escalation of its alert made it
    std::array<char, IFNAMSIZ> interface{};      // as the kernel has it, ended by a zero byte; "" where it is not known
    std::unique_ptr<const Captures> captures{};  // null: its rule captures nothing

    // As far as its flags say that there is more than `event`; what they do not say is not there to be read.
    const weir_event_inside& record() const { return *reinterpret_cast<const weir_event_inside*>(bytes_.data()); }
    const weir_event& event() const { return record().event; }
    std::span<const std::uint8_t> bytes() const { return bytes_; }
    // Takes a copy of what the ring has. What is too short for its flags loses the flags.
    void set_record(std::span<const std::uint8_t> bytes);

private:
    std::vector<std::uint8_t> bytes_{};  // kept from one event to the next: no allocation an event
};

// "0123456789abcdef-00000000012c40": the same where the event comes once more, after the engine was killed. A copy that
// was escalated is another event: "0123456789abcdef-00000000012c40-e" of its alert's first escalation, then "-e2".
std::string event_id(const PackedEvent& event);

}  // namespace weir::runtime
