// bpf::Manifest: what user space must know of a compiled policy.
#pragma once

#include "compiler/compiler.h"
#include "compiler/object.h"

namespace weir::codegen {

// Puts the program for packets on their way out, and its tables, beside those of `object`. Both were made of one
// policy: their maps are the same.
void add_egress(bpf::Object out, bpf::Object& object);

bpf::Manifest make_manifest(const Compiled& compiled, const CompileOptions& options);

}  // namespace weir::codegen
