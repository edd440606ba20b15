// A policy in the kernel and what user space keeps of it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bpf/abi.h"
#include "compiler/object.h"
#include "runtime/engine/accounts.h"
#include "runtime/engine/program.h"
#include "runtime/engine/record.h"
#include "runtime/sinks/dispatcher.h"

namespace weir::runtime {

// What is needed of a policy until its last event has been read.
struct Generation {
    std::uint32_t number;
    bpf::Manifest manifest;
    std::vector<bpf::StateMap> state;  // what it remembers: shapes without contents
    Origin origin;
    std::string loaded_at;
    std::vector<SinkId> sinks;                     // as in the manifest; empty while it is kept and drained
    std::vector<std::vector<SinkId>> alert_sinks;  // by alert; each sink once
    Record record;                                 // of its events

    // An engine that was killed may have taken an event, and not have said so: it comes twice.
    bool is_drained() const { return record.read() >= record.sent(); }
};

// A policy whose program is in a slot of the root: in force, about to be, or kept to go back to.
struct Loaded {
    Generation generation;
    Program program;
    std::uint32_t slot = 0;
    Counts counted{};                             // what the sums have of it
    std::unique_ptr<const bpf::Object> source{};  // to load it once more; nothing where it is large or was adopted
    std::vector<std::pair<std::string, weir_counter>> left{};  // sums of rules that the policy after it did not have
};

Result<Generation> make_generation(std::uint32_t number, const bpf::Object& object, const Origin& origin);
// One that an engine before this one made; without sinks.
Result<Generation> adopt_generation(UniqueFd record);

// The generation's sinks, each alert's as numbers of the dispatcher.
void connect_sinks(Generation& generation, Dispatcher& dispatcher);

// Tells the program which `iface` conditions an interface satisfies.
Status name_interface(const Program& program, const bpf::Manifest& manifest, const std::string& name, unsigned index);

}  // namespace weir::runtime
