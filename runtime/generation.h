// A policy in the kernel and what user space keeps of it.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "bpf/abi.h"
#include "compiler/object.h"
#include "runtime/accounts.h"
#include "runtime/actions/dispatcher.h"
#include "runtime/program.h"

namespace weir::runtime {

// What is needed of a policy until its last event has been read.
struct Generation {
    std::uint32_t number = 0;
    bpf::Manifest manifest{};
    std::string origin{};                 // where its text came from
    std::string loaded_at{};
    std::vector<SinkId> sinks{};                        // as in the manifest; empty while it is kept and drained
    std::vector<std::vector<SinkId>> alert_sinks{};     // by alert; each sink once
    std::uint64_t read = 0;                             // events taken from the ring
    std::uint64_t sent = 0;                             // and those put there in all; known while no packet is in the program

    bool is_drained() const { return read == sent; }
};

// A policy whose program is in a slot of the root: in force, about to be, or kept to go back to.
struct Loaded {
    Generation generation;
    Program program;
    std::uint32_t slot = 0;
    Counts counted{};                     // what the sums have of it
    std::vector<std::pair<std::string, weir_counter>> left{};   // sums of rules that the policy after it did not have
};

// The generation's sinks, each alert's as numbers of the dispatcher.
void connect_sinks(Generation& generation, Dispatcher& dispatcher);

// Tells the program which `iface` conditions an interface satisfies.
Status name_interface(const Program& program, const bpf::Manifest& manifest, const std::string& name, unsigned index);

}  // namespace weir::runtime
