// A policy in the kernel and what user space keeps of it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bpf/abi.h"
#include "compiler/object.h"
#include "runtime/engine/accounts.h"
#include "runtime/engine/program.h"
#include "runtime/engine/record.h"
#include "runtime/recorder.h"
#include "runtime/sinks/dispatcher.h"

namespace weir::runtime {

// What is needed of a policy until its last event has been read.
struct Generation {
    std::uint32_t number;
    std::unique_ptr<const bpf::Manifest> manifest;  // events that wait refer to it
    std::vector<bpf::StateMap> state;               // what it remembers: shapes without contents
    Origin origin;
    std::string loaded_at;
    std::vector<SinkId> sinks;                     // as in the manifest; empty while it is kept and drained
    std::vector<std::vector<SinkId>> alert_sinks;  // by alert; each sink once
    Record record;                                 // of its events
    // By alert, the events that its programs have put into the ring: as far as they have been counted, and all once its
    // program has ended. Of those, the ones of programs that stood in for its own, beside a candidate.
    std::vector<std::uint64_t> sent;
    std::vector<std::uint64_t> sent_by_stand_ins;
    std::uint64_t copies = 0;            // of its events that were escalated and that a sink still has
    std::optional<Recorder> recorder{};  // where its program records, as long as this process knows the program

    // Events of an alert that wait in the ring, of those that have been counted.
    std::uint64_t waiting(std::size_t alert) const;
    bool is_drained() const;
};

// What the sums have of a program that stood in for a policy's own.
struct StandIn {
    std::uint32_t program = 0;  // the kernel's number
    Counts counted{};
};

// A policy whose program is in a slot of the root: in force, about to be, or kept to go back to.
struct Loaded {
    Generation generation;
    Program program;
    std::uint32_t slot = 0;
    Counts counted{};                             // what the sums have of its program
    std::unique_ptr<const bpf::Object> source{};  // to load it once more; nothing where it is large or was adopted
    RuleSums left{};                              // sums of rules that the next policy did not have
    std::optional<StandIn> stand_in{};            // until its pin is removed
};

Result<Generation> make_generation(std::uint32_t number, const bpf::Object& object, const Origin& origin,
                                   Lifetime lifetime);
// One of the previous engine, as its record describes it; without sinks.
Result<Generation> adopt_generation(UniqueFd record);

// The generation's sinks, each alert's as numbers of the dispatcher.
void connect_sinks(Generation& generation, Dispatcher& dispatcher);

// Gives the program which `iface` conditions an interface satisfies.
Status name_interface(const Program& program, const bpf::Manifest& manifest, const std::string& name, unsigned index);

}  // namespace weir::runtime
