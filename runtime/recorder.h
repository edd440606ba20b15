// The flight recorder of a policy, as user space reads it: the last packets of each CPU, in memory that the program
// goes on writing (bpf/record.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "bpf/record.h"
#include "compiler/object.h"
#include "grammar/base/result.h"
#include "runtime/handles.h"
#include "runtime/pcapng.h"

namespace weir::runtime {

struct RecordedPacket {
    std::uint32_t cpu = 0;
    std::uint64_t number = 0;   // among those of its CPU
    std::uint64_t time_ns = 0;  // CLOCK_MONOTONIC, to a tick of the kernel
    std::uint32_t original_bytes = 0;
    std::uint32_t row = 0;  // that decided
    std::uint32_t generation = 0;
    std::uint32_t ifindex = 0;
    std::uint32_t verdict = 0;  // enum weir_verdict
    PacketDirection direction = PacketDirection::kUnknown;
    std::span<const std::uint8_t> bytes{};
};

// Copies of packets, the oldest first. Those of one CPU are in their order; of several, in that of their times.
class Recording {
public:
    const std::vector<RecordedPacket>& packets() const { return packets_; }

private:
    friend class Recorder;
    std::vector<RecordedPacket> packets_{};
    std::vector<std::uint8_t> bytes_{};  // of all of them
};

class Recorder {
public:
    // `map`: the one of a program whose policy records like that. An error where it is another one.
    static Result<Recorder> open(int map, const bpf::RecordInfo& shape);
    // Over memory that is like that map's.
    Recorder(UniqueMapping memory, const bpf::RecordInfo& shape, std::uint32_t cpus);

    // Packets that are there now, by CPU.
    std::vector<std::uint64_t> held() const;
    std::size_t memory_bytes() const { return std::size_t{cpus_} * WEIR_RECORD_ELEMENTS(packets_) * slot_bytes_; }
    // All that is there now. What the program overwrites meanwhile is left out. Takes as much memory as the recorder.
    Recording all() const;
    // The last `count` packets with the same key number `key` before the captured one, which came at `time_ns`: exactly
    // those of its CPU, and of other CPUs those that had come by then.
    Recording before(const weir_capture& captured, std::uint64_t time_ns, std::uint32_t key, std::uint32_t count) const;

private:
    const std::uint8_t* element(std::uint32_t cpu, std::uint64_t number) const;
    std::uint64_t next_of(std::uint32_t cpu) const;
    std::uint64_t print_of(std::uint32_t cpu, std::uint64_t number, std::uint32_t key) const;
    bool copy(std::uint32_t cpu, std::uint64_t number, Recording& to) const;
    void begin(Recording& recording, std::size_t packets) const;

    UniqueMapping memory_;
    std::uint32_t cpus_ = 0, packets_ = 0, keys_ = 0, bytes_ = 0, slot_bytes_ = 0;
};

}  // namespace weir::runtime
