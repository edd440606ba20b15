// The kernel's tick: a clock that programs read with one load.
#pragma once

#include <array>
#include <cstdint>

#include "bpf/record.h"
#include "grammar/base/result.h"

namespace weir::runtime {

// ns of a tick, and CLOCK_MONOTONIC of tick number 0: the same for as long as the kernel runs, because it counts ticks
// by that clock. Zeros where it may count interrupts instead (`highres=off`), of which some are lost, or where no tick
// comes: programs then read the clock itself. The first call takes up to a tick, 1 to 10 ms.
Result<std::array<std::uint64_t, WEIR_TICK_WORDS>> kernel_ticks();

}  // namespace weir::runtime
