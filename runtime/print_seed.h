// The secret of prints of names and texts (bpf/print.h).
#pragma once

#include <array>
#include <cstdint>

#include "bpf/abi.h"

namespace weir::runtime {

// The same for all processes of a boot, since keys of state outlive the engine; made of the kernel's boot id, which is
// random and which nobody outside of the host sees.
const std::array<std::uint64_t, WEIR_PRINT_STEP_WORDS>& print_seed();
// Sets settings.print_by: where time is virtual, and nobody attacks, to what the other evaluators have.
void set_print_by(weir_settings& settings);

}  // namespace weir::runtime
