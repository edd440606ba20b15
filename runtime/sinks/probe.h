// Tries a sink out: weir check --sinks.
#pragma once

#include <string>
#include <string_view>

#include "compiler/object.h"

namespace weir::runtime {

struct SinkProbe {
    bool is_delivered = false;
    std::string state{};  // why not; of one that delivered, "ok", or what it says nevertheless
};

// Opens the sink, or connects and authenticates, and sends one event whose rule and alert are called kProbeName. Waits
// for the sink's own time-outs; an answer that is not there by then is none.
SinkProbe probe_sink(const bpf::SinkInfo& sink, std::string_view policy);
inline constexpr const char* kProbeName = "weir_check_sinks";

}  // namespace weir::runtime
