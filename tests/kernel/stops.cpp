#include "tests/kernel/stops.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <cstdlib>

namespace weir::test {

void begin_stops() {
    ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    raise(SIGSTOP);
}

bool kill_at_stop(pid_t process, int stop) {
    int how = 0;
    REQUIRE((waitpid(process, &how, 0) == process && WIFSTOPPED(how)));
    REQUIRE(ptrace(PTRACE_SETOPTIONS, process, nullptr, PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL) == 0);
    pid_t stopped = process;
    for (int i = 0; i < stop;) {
        ptrace(PTRACE_SYSCALL, stopped, nullptr, nullptr);  // fails where that thread has just ended
        stopped = waitpid(-1, &how, __WALL);
        REQUIRE(stopped > 0);
        if (WIFSTOPPED(how)) {
            ++i;
        } else if (stopped == process) {
            INFO("status " << how);
            REQUIRE((WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL));
            return false;
        }
    }
    kill(process, SIGKILL);
    while (waitpid(-1, &how, __WALL) != process || WIFSTOPPED(how)) continue;
    return true;
}

int stop_stride(int in_short_form) { return std::getenv("WEIR_EACH_STOP") == nullptr ? in_short_form : 1; }

}  // namespace weir::test
