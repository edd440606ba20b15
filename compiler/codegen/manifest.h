// bpf::Manifest: what user space must know of a compiled policy.
#pragma once

#include "compiler/compiler.h"
#include "compiler/object.h"

namespace weir::codegen {

bpf::Manifest make_manifest(const Compiled& compiled, const CompileOptions& options);

}  // namespace weir::codegen
