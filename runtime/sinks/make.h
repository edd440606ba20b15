// From the sinks of a manifest to those that deliver.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "compiler/object.h"
#include "grammar/base/result.h"
#include "runtime/sinks/sink.h"
#include "runtime/sinks/triage.h"

namespace weir::runtime {

class ExecBroker;

// Whether this build has all of these kinds; an error names the first that it lacks, and
// the package that brings it.
Status can_make(const std::vector<bpf::SinkInfo>& sinks);
// Whether there is a folder for those that keep events on disk. An error names the first.
Status can_keep(const std::vector<bpf::SinkInfo>& sinks, const std::string& state_folder);
// What sinks get of the engine that they are of.
struct SinkHost {
    std::string state_folder{};            // empty: nothing outlives the engine
    OnTriage on_triage{};                  // may be empty
    const ExecBroker* programs = nullptr;  // null: none are run. It outlives the sinks
};

// Never fails: what the world refuses shows in the sink's state, and it goes on trying.
std::unique_ptr<Sink> make_sink(const bpf::SinkInfo& sink, const SinkHost& host);

}  // namespace weir::runtime
