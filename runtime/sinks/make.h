// From the sinks of a manifest to those that deliver.
#pragma once

#include <memory>
#include <vector>

#include "compiler/object.h"
#include "grammar/base/result.h"
#include "runtime/sinks/sink.h"

namespace weir::runtime {

// Whether this build has all of these kinds; an error names the first that it lacks.
Status can_make(const std::vector<bpf::SinkInfo>& sinks);
// Never fails: what the world refuses shows in the sink's state, and it goes on trying.
std::unique_ptr<Sink> make_sink(const bpf::SinkInfo& sink);

}  // namespace weir::runtime
