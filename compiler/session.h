// What a process that compiles one policy after another keeps, so that the next one costs less than the first. The same
// policy compiled with a session and without means the same.
#pragma once

#include <memory>

#include "compiler/ir/build_memory.h"

namespace weir {

namespace codegen {
struct Workbench;
}

class Session {
public:
    Session();
    ~Session();
    // Reads the template for the next policy: for when nobody waits.
    void prepare();

    ir::BuildMemory& memory() { return memory_; }
    codegen::Workbench& workbench() { return *workbench_; }

private:
    ir::BuildMemory memory_{};
    std::unique_ptr<codegen::Workbench> workbench_;
};

}  // namespace weir
