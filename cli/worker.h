// Compiles a policy in a process of its own, with limits: a compiler that crashes, loops or eats memory there is an
// error message, nothing more.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "cli/policy_file.h"
#include "compiler/object.h"
#include "runtime/handles.h"
#include "runtime/result.h"

namespace weir::cli {

struct WorkerRequest {
    std::string file{};
    PolicyOptions options{};
    Colour colour = Colour::kOff;
    bool observe = false;                  // the whole policy
};

struct WorkerOutcome {
    int status = 0;                        // enum Exit: kOk only where there is an object
    std::string diagnostics{};             // rendered, warnings too
    std::vector<runtime::SourceFile> files{};   // all that were read, or could not be
    std::optional<bpf::Object> object{};
    double milliseconds = 0;               // from start to object
};

class Worker {
public:
    static runtime::Result<Worker> start(const WorkerRequest& request);
    Worker(Worker&&) noexcept;
    Worker& operator=(Worker&&) = delete;
    ~Worker();                             // ends the process, if it still runs

    int fd() const { return pipe_.get(); } // readable where there is something to do
    // Reads what is there. Nothing as long as the process is not done.
    std::optional<WorkerOutcome> step();

private:
    Worker(pid_t process, runtime::UniqueFd pipe);
    WorkerOutcome finish();

    pid_t process_ = -1;
    runtime::UniqueFd pipe_;
    std::string bytes_;
    std::uint64_t begin_ns_ = 0;
};

// The same, waiting for it.
runtime::Result<WorkerOutcome> compile_in_worker(const WorkerRequest& request);

// Compiles a policy of nothing in this process: workers forked from it later find LLVM started, which is half of what a
// small policy takes.
void warm_compiler();

}  // namespace weir::cli
