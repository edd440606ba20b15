// Caches of a process that compiles many policies, so that the next compile costs less than the first. With or without
// a session a policy means the same.
#pragma once

#include <memory>

#include "compiler/ir/build_cache.h"

namespace weir {

namespace codegen {
class CodegenCache;
}

class Session {
public:
    Session();
    ~Session();
    // Reads the template for the next policy. Call it while nobody waits.
    void prepare();

    ir::BuildCache& build_cache() { return build_cache_; }
    codegen::CodegenCache& codegen_cache() { return *codegen_cache_; }

private:
    ir::BuildCache build_cache_{};
    std::unique_ptr<codegen::CodegenCache> codegen_cache_;
};

}  // namespace weir
