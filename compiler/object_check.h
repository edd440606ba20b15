// Whether an object is one that a compiler can have made: what reads it does not look again. For objects that come from
// another process, or from a map that anybody with the right could write to.
#pragma once

#include "compiler/object.h"

namespace weir::bpf {

// Every index, size and enum is in its range.
bool is_sound(const Object& object);

}  // namespace weir::bpf
