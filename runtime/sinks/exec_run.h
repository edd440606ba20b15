// Runs one program for one event: bounded, with nothing of the engine's, and ended with all that it started.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "grammar/base/result.h"
#include "runtime/handles.h"
#include "runtime/sinks/exec_program.h"

namespace weir::runtime {

struct ExecRun {
    int program = -1;  // from open_program()
    const ExecUser* user = nullptr;
    std::uint64_t timeout_ms = 0;
    std::vector<std::string> arguments;  // the first is the program's path
    std::string event;                   // in its environment, as WEIR_EVENT
};

// kEnded: with exit status 0. kNotStarted: `status` is the errno.
enum class ExecOutcome : std::uint8_t { kEnded, kFailed, kSignal, kTimedOut, kNotStarted };
struct ExecResult {
    ExecOutcome outcome = ExecOutcome::kNotStarted;
    std::int32_t status = 0;  // exit status; kSignal: the signal
    char said[160] = {};      // the beginning of its standard error, ended by a zero byte; hostile
};

// A process that runs it, waits for it and ends what it left.
struct ExecProcess {
    pid_t process = -1;
    UniqueFd ended{};   // its pidfd: readable once it, and all that it started, has ended
    UniqueFd result{};  // an ExecResult
};
Result<ExecProcess> start_program(const ExecRun& run);

// Waits for it; to be called once `ended` is readable.
ExecResult end_of(ExecProcess& process);

// SIGKILL to all processes of this one, and waits for them; those of `kept` stay. For where no PID namespace does it.
// False where some still live after `most_ms`.
bool end_children(const std::vector<pid_t>& kept, std::uint64_t most_ms);

// What this process and all that it starts can never get back: privileges of files, and capabilities but those that
// starting a program as another user needs.
void keep_rights_to_start();

}  // namespace weir::runtime
