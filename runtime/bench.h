// What a policy costs a packet in this kernel, over a program that only returns.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "compiler/object.h"
#include "grammar/base/result.h"
#include "runtime/handles.h"

namespace weir::runtime {

using Frames = std::vector<std::vector<std::uint8_t>>;

// The program that puts stored frames into packets one after another (bpf/templates/measure.bpf.c).
class FrameFeed {
public:
    enum class Purpose : std::uint8_t { kRun, kSend };
    // Takes the frames that a test run takes (TestRunner::accepts); an error where there are none.
    static Result<FrameFeed> load(const Frames& frames, Purpose purpose);
    int fd() const { return bpf_program__fd(program_); }
    // Entry `slot` of the programs that frames go to.
    Status put_program(std::uint32_t slot, int program_fd);
    // The next run starts with frame `first`, for `slot`; or, of a feed that sends, for interface `ifindex`.
    Status aim(std::uint32_t slot, std::uint32_t first, std::uint32_t ifindex);
    std::uint32_t frame_count() const { return frame_count_; }
    std::uint32_t longest_bytes() const { return longest_bytes_; }

private:
    FrameFeed(ObjectPtr object, bpf_program* program) : object_(std::move(object)), program_(program) {}
    Status store(const Frames& frames);

    ObjectPtr object_;
    bpf_program* program_;
    std::uint32_t frame_count_ = 0;
    std::uint32_t longest_bytes_ = 0;
};

struct BenchOptions {
    std::uint32_t repeat = 500;  // times that each frame runs
    bool observe = false;
    // Packets measured so far; may be empty.
    std::function<void(std::uint64_t done)> on_progress{};
};

struct Percentiles {
    double p50 = 0, p99 = 0;
};
// Of averages that were rounded down to whole numbers: a value v stands for anything from v to v + 1.
Percentiles percentiles_of_floors(std::vector<std::uint32_t> averages);

struct BenchFigures {
    Percentiles packet_ns;      // root and policy, measuring program included; over batches
    double baseline_ns = 0;     // the bare program in the same place; median over batches between the others
    double undisturbed = 1;     // share of the batches that these figures are made of
    double load_ms = 0;         // the least of several
    double swap_us = 0;         // median: the store that puts a policy in force
    std::uint32_t packets = 0;  // distinct ones
    std::uint32_t program_insns = 0;
    std::uint32_t verified_insns = 0;
    std::uint64_t memory_bytes = 0;  // of its maps
};

// Loads the policy as an engine does, and measures it with `frames`. Attaches to nothing in this network namespace.
Result<BenchFigures> bench(const bpf::Object& object, const Frames& frames, const BenchOptions& options);

// What the root costs a packet over the program in its slot alone, in ns.
struct RootCost {
    double permanent_ns = 0;
    double until_deadline_ns = 0;  // while the policy waits to be confirmed
};
Result<RootCost> measure_root(const Frames& frames);

}  // namespace weir::runtime
