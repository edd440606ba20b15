// From the manifest's sinks to actions.
#pragma once

#include <memory>

#include "compiler/object.h"
#include "runtime/sinks/sink.h"

namespace weir::runtime {

// Never fails: what the world refuses shows in the action's state, and it goes on trying.
std::unique_ptr<Action> make_action(const bpf::SinkInfo& sink);

}  // namespace weir::runtime
