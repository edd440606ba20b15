// The interfaces that a policy redirects packets to. They come and go; the kernel removes one that is deleted from the
// map by itself.
#pragma once

#include <string>
#include <vector>

#include "compiler/object.h"
#include "grammar/base/result.h"
#include "runtime/engine/program.h"

namespace weir::runtime {

// By their number in the map weir_devices: in the order in which rules name them first.
std::vector<std::string> devices_of(const bpf::Manifest& manifest);

// Puts the interfaces that have these names now into the program's map, and removes those that have not. A device that
// the kernel does not take is an error; the others are there all the same.
Status direct(const Program& program, const bpf::Manifest& manifest);

}  // namespace weir::runtime
