// An event as a digest has it.
#pragma once

#include "runtime/sinks/llm_digest.h"
#include "runtime/sinks/packed_event.h"

namespace weir::runtime {

DigestEvent digest_event(const PackedEvent& packed);

}  // namespace weir::runtime
