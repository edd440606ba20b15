// Policies that the kernel runs on single frames, without an interface.
#pragma once

#include <cstdint>

#include "runtime/engine/program.h"
#include "tests/kernel/wire.h"

namespace weir::test {

// The frame from another source: an IPv4 address.
Frame from(Frame frame, std::uint32_t source);

// `virtual_clock` 1: time is the entry of the map weir_clock.
runtime::Program loaded(const bpf::Object& object, std::uint32_t virtual_clock);

// Judges the frame `repeat` times.
void run(const runtime::Program& program, const Frame& frame, int repeat);

}  // namespace weir::test
