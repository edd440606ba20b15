// Tested by tests/cli/load_test.py with `is_gone`.
#include "service/ended_processes.h"

#include <sys/wait.h>

#include <csignal>
#include <vector>

#include "grammar/base/check.h"

namespace weir::service {
namespace {

std::vector<pid_t>& ended() {
    static std::vector<pid_t> processes;
    return processes;
}

}  // namespace

void end_process(pid_t process) {
    WEIR_CHECK(process > 1);  // kill() takes 0 and -1 for many processes
    kill(process, SIGKILL);
    ended().push_back(process);
    reap_ended();
}

void reap_ended() {
    std::erase_if(ended(), [](pid_t process) { return waitpid(process, nullptr, WNOHANG) != 0; });
}

}  // namespace weir::service
