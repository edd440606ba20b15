// Programs that were loaded before an engine asks for them, so that it need not wait for the verifier.
#pragma once

#include <functional>
#include <vector>

#include "runtime/engine/program.h"

namespace weir::service {

class PreparedPrograms {
public:
    // For EngineOptions::load. The next program that was put here, where it was loaded with these very options; else
    // what `otherwise` gives, or an error.
    Result<runtime::Program> take(const bpf::Object& object, const runtime::ProgramOptions& options);
    void put(const runtime::ProgramOptions& options, runtime::Program program);
    void clear() { ready_.clear(); }

    runtime::LoadProgram otherwise{};  // while an engine starts

private:
    struct Ready {
        runtime::ProgramOptions options;
        runtime::Program program;
    };
    std::vector<Ready> ready_;  // the first is the next
};

}  // namespace weir::service
