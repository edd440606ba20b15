// Compiles policies in a process of its own, with limits: a compiler that crashes, loops or eats memory there is an
// error message, nothing more. The process stays for the next policy, which costs less than the first
// (compiler/session.h).
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "compiler/object.h"
#include "grammar/base/result.h"
#include "runtime/handles.h"
#include "tooling/files/policy_file.h"

namespace weir::service {

struct WorkerRequest {
    std::string file{};
    tooling::PolicyOptions options{};
    Colour colour = Colour::kOff;
    bool observe = false;  // the whole policy
};

struct WorkerOutcome {
    Exit status = kOk;                         // kOk only where there is an object
    std::string diagnostics{};                 // rendered, warnings too
    std::vector<runtime::SourceFile> files{};  // all that were read, or could not be
    std::optional<bpf::Object> object{};
    double milliseconds = 0;  // from question to object
};

class Worker {
public:
    // A process that waits to be asked. It has standard input, output and error of this one's descriptors, and no
    // others.
    static Result<Worker> start();
    Worker(Worker&&) noexcept;
    Worker& operator=(Worker&&) = delete;
    ~Worker();  // ends the process

    // One policy at a time: the next one when step() has given the outcome.
    void ask(const WorkerRequest& request);
    int fd() const { return socket_.get(); }  // readable where there is something to do
    // Reads what is there. Nothing as long as the policy is not done. Where the process died, that is the outcome.
    std::optional<WorkerOutcome> step();
    bool is_alive() const { return process_ >= 0; }
    // ask() and step() until it is done.
    WorkerOutcome compile(const WorkerRequest& request);

private:
    Worker(pid_t process, runtime::UniqueFd socket);
    WorkerOutcome died();
    WorkerOutcome finish();

    pid_t process_ = -1;
    runtime::UniqueFd socket_;
    std::string bytes_;
    std::uint64_t begin_ns_ = 0;
};

}  // namespace weir::service
