// Runs a loaded policy on a million frames whose sources are in no order, and says what one took. Needs root.
#pragma once

#include <bpf/bpf.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "grammar/value.h"
#include "runtime/engine/program.h"
#include "runtime/handles.h"

namespace weir::bench {

// Scattered, as sources are: a hash of their number.
IpAddress address(std::size_t number, std::uint8_t version);

constexpr std::size_t kSources = std::size_t{1} << 20;  // as source_driver.bpf.c has them

// Of one access that needs the one before it, to that many lines of 64 bytes, in no order, in memory of that size
// whose pages have 4 KB, as those of maps.
double miss_ns(std::size_t bytes, std::size_t lines);

// A sentence on standard error, and status 1.
[[noreturn]] void give_up(const std::string& why);

double ms_since(std::chrono::steady_clock::time_point begin);
double median(std::vector<double> values);

// The frame that the driver gives sources to: UDP, so that nothing behind the addresses matters.
std::vector<std::uint8_t> frame_of(std::uint8_t version);

// A policy in the kernel, and the milliseconds that each step to it took. `list` is what each file of it holds.
struct Loaded {
    bpf::Object object;
    runtime::Program program;
    double read_ms = 0, compile_ms = 0, load_ms = 0;
};
Loaded load(const std::string& text, const std::string& list);

class SourceDriver {
public:
    SourceDriver();
    // kSources of them, one a frame, over and over.
    void set_sources(const std::vector<IpAddress>& sources);
    // Nanoseconds a packet, the driver's own among them.
    double ns(int program_fd, const std::vector<std::uint8_t>& frame);
    // The same of a program of the egress hook, -1: of one that passes all. The packet will be cut into so many
    // segments.
    double ns_out(int program_fd, const std::vector<std::uint8_t>& frame, std::uint32_t segments);

private:
    double run(const char* driver, bpf_test_run_opts& opts, const std::vector<std::uint8_t>& frame);

    runtime::ObjectPtr object_;
};

}  // namespace weir::bench
