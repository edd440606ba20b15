// Tested by tests/unit/service/spawn_test.cpp.
#include "service/spawn.h"

#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "runtime/handles.h"
#include "runtime/kernel.h"
#include "service/variables.h"

namespace weir::service {
namespace {

// Out of the way of the numbers that the new process gets; -1 where there are no more.
std::vector<runtime::UniqueFd> lifted(const std::vector<int>& given) {
    const int first_free = kFirstGivenFd + static_cast<int>(given.size());
    std::vector<runtime::UniqueFd> out;
    for (const int fd : given) out.emplace_back(fcntl(fd, F_DUPFD_CLOEXEC, first_free));
    return out;
}

}  // namespace

Result<pid_t> spawn(const Spawn& what, const std::string& name) {
    const std::vector<runtime::UniqueFd> given = lifted(what.given);
    if (std::any_of(given.begin(), given.end(), [](const runtime::UniqueFd& fd) { return !fd; }))
        return runtime::kernel_error(errno, "handing descriptors to " + name);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (what.standard_error < 0)
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    else
        posix_spawn_file_actions_adddup2(&actions, what.standard_error, STDERR_FILENO);
    for (std::size_t i = 0; i < given.size(); ++i)
        posix_spawn_file_actions_adddup2(&actions, given[i].get(), kFirstGivenFd + static_cast<int>(i));
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    std::vector<char*> arguments;
    for (const std::string& argument : what.program) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    std::vector<char*> variables = variables_handed_on();
    pid_t process = -1;
    const int problem =
        posix_spawn(&process, what.program.front().c_str(), &actions, &attributes, arguments.data(), variables.data());
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (problem != 0) return runtime::kernel_error(problem, "starting " + name);
    return process;
}

}  // namespace weir::service
