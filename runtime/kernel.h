// Small questions to the kernel, and its answers as sentences.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "grammar/base/result.h"

namespace weir::runtime {

// The error that errno `number` is, while doing `what` ("attaching to eth0").
Error kernel_error(int number, const std::string& what);

// True where this process may load BPF programs.
bool may_load_programs();

// Number of an interface. An error ENODEV lists those there are; other errors say nothing about the interface.
Result<unsigned> interface_index(const std::string& name);
// Name of an interface, or "if7" where it is gone.
std::string interface_name(unsigned index);

unsigned possible_cpus();

// The kernel's number of a program; 0 where the descriptor is none.
std::uint32_t program_id(int program_fd);

// Waits until every packet that was on its way through a BPF program when this was called has left it.
void wait_for_packets();

// CLOCK_MONOTONIC as the kernel itself counts it, whatever time namespace this process is in, and CLOCK_REALTIME, in
// ns.
std::uint64_t monotonic_ns();
std::uint64_t realtime_ns();
std::string rfc3339(std::uint64_t realtime_ns);  // "2026-01-02T03:04:05.678901Z"

// Turns the device's rx VLAN offload off, so that programs see the tags. True where it was on, and is off now.
Result<bool> disable_vlan_offload(const std::string& interface);
Status enable_vlan_offload(const std::string& interface);

// Several packets of a connection made one before programs in generic mode see them.
struct Merging {
    bool was_on = false;   // the device's GRO, which is off now
    std::string reason{};  // why packets may be merged all the same; empty: they are not
};
Merging stop_merging(const std::string& interface);
Status merge_again(const std::string& interface);

// Swallows libbpf's own printing; the verifier's words are asked for where they are wanted.
void quiet_libbpf();

}  // namespace weir::runtime
