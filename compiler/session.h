// What a process that compiles one policy after another keeps, so that the next one costs less than the first. The same
// policy compiled with a session and without means the same.
#pragma once

#include <memory>

#include "compiler/ir/build_memory.h"

namespace weir {

namespace codegen {
class CodegenCache;
}

class Session {
public:
    Session();
    ~Session();
    // Reads the template for the next policy: for when nobody waits.
    void prepare();

    ir::BuildMemory& memory() { return memory_; }
    codegen::CodegenCache& codegen_cache() { return *codegen_cache_; }

private:
    ir::BuildMemory memory_{};
    std::unique_ptr<codegen::CodegenCache> codegen_cache_;
};

}  // namespace weir
