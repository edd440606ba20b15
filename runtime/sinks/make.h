// From the sinks of a manifest to those that deliver.
#pragma once

#include <memory>
#include <string_view>

#include "compiler/object.h"
#include "runtime/sinks/sink.h"

namespace weir::runtime {

// As policies name it: "eve".
std::string_view kind_name(bpf::SinkKind kind);

// Never fails: what the world refuses shows in the sink's state, and it goes on trying.
std::unique_ptr<Sink> make_sink(const bpf::SinkInfo& sink);

}  // namespace weir::runtime
