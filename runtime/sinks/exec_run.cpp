// Tested by tests/unit/sinks/exec_test.cpp with `PID namespace`.
#include "runtime/sinks/exec_run.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "runtime/kernel.h"

extern "C" {  // glibc 2.36 forgot it
#include <sys/pidfd.h>
}

namespace weir::runtime {
namespace {

constexpr std::uint64_t kMillisecond_ns = 1'000'000;
constexpr std::uint64_t kSweep_ms = 2000;  // to end what a program left, where no PID namespace does it
// Of one program; docs/sinks.md says them.
constexpr rlim_t kMaxMemoryBytes = rlim_t{1} << 30;  // that it may write to: runtimes reserve far more than they use
constexpr rlim_t kMaxFiles = 256;
constexpr rlim_t kMaxProcesses = 256;  // of the user, all in all
constexpr rlim_t kMaxFileBytes = rlim_t{1} << 30;

constexpr int kProgramFd = 3;

// pidfd_open(): glibc 2.36 declares it for C alone.
int open_process(pid_t process) { return static_cast<int>(syscall(SYS_pidfd_open, process, 0)); }

void limit(__rlimit_resource resource, rlim_t most) {
    rlimit value{};
    getrlimit(resource, &value);
    value.rlim_cur = value.rlim_max = std::min(value.rlim_max, most);
    setrlimit(resource, &value);
}

bool set_capabilities(std::uint64_t kept) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct now[2] = {};
    if (syscall(SYS_capget, &header, now) != 0) return false;
    for (int word = 0; word < 2; ++word) {
        now[word].permitted &= static_cast<std::uint32_t>(kept >> (32 * word));
        now[word].effective = now[word].permitted;
        now[word].inheritable = 0;
    }
    return syscall(SYS_capset, &header, now) == 0;
}

// Without rights, and never again with any.
bool become(const ExecUser& user) {
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    const bool is_other = geteuid() != user.uid || getegid() != user.gid;
    if (is_other && (setgroups(user.groups.size(), user.groups.data()) != 0 ||
                     setresgid(user.gid, user.gid, user.gid) != 0 || setresuid(user.uid, user.uid, user.uid) != 0))
        return false;
    return set_capabilities(0) && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

// The interpreter of a script opens it by its descriptor, which stays open then.
bool is_script(int program) {
    char head[2] = {};
    return pread(program, head, sizeof(head), 0) == sizeof(head) && head[0] == '#' && head[1] == '!';
}

// The program's own process. Returns only where that failed, with the errno.
int exec(const ExecRun& run, int errors) {
    setsid();
    const UniqueFd nothing(open("/dev/null", O_RDWR | O_CLOEXEC));
    // Out of the way of 0 to 3.
    const int program = fcntl(run.program, F_DUPFD_CLOEXEC, 16), said = fcntl(errors, F_DUPFD_CLOEXEC, 16);
    if (!nothing || program < 0 || said < 0 || dup2(nothing.get(), STDIN_FILENO) < 0 ||
        dup2(nothing.get(), STDOUT_FILENO) < 0 || dup2(said, STDERR_FILENO) < 0 ||
        dup3(program, kProgramFd, is_script(program) ? 0 : O_CLOEXEC) < 0 ||
        close_range(kProgramFd + 1, ~0u, CLOSE_RANGE_CLOEXEC) != 0 || chdir("/") != 0)
        return errno;
    umask(077);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_DATA, kMaxMemoryBytes);
    limit(RLIMIT_NOFILE, kMaxFiles);
    limit(RLIMIT_FSIZE, kMaxFileBytes);
    limit(RLIMIT_CPU, run.timeout_ms / 1000 + 2);
    limit(RLIMIT_NPROC, kMaxProcesses);
    if (!become(*run.user)) return errno;
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // after the change of user, which forgets it
    struct sigaction usual{};
    usual.sa_handler = SIG_DFL;
    for (int signal = 1; signal < NSIG; ++signal) sigaction(signal, &usual, nullptr);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    std::vector<char*> arguments;
    for (const std::string& argument : run.arguments) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    std::string path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", language = "LANG=C.UTF-8",
                event = "WEIR_EVENT=" + run.event;
    char* const variables[] = {path.data(), language.data(), event.data(), nullptr};
    syscall(SYS_execveat, kProgramFd, "", arguments.data(), variables, AT_EMPTY_PATH);
    return errno;
}

// Keeps the beginning of what it says, and drops the rest. False where nobody says anything any more.
bool take_said(int said, ExecResult& result, std::size_t& kept) {
    char bytes[4096];
    const ssize_t got = read(said, bytes, sizeof(bytes));
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return false;
    const std::size_t room = sizeof(result.said) - 1 - kept;
    const std::size_t taken = got < 0 ? 0 : std::min(room, static_cast<std::size_t>(got));
    std::memcpy(result.said + kept, bytes, taken);
    kept += taken;
    return true;
}

// Until the program has ended, its time is up, or nobody waits for the result. True where it has ended.
bool wait_for(int ended, int said, int result_fd, std::uint64_t timeout_ms, ExecResult& result) {
    const std::uint64_t until_ns = monotonic_ns() + timeout_ms * kMillisecond_ns;
    std::size_t kept = 0;
    bool is_open = true;
    for (;;) {
        const std::uint64_t now_ns = monotonic_ns();
        if (now_ns >= until_ns) return false;
        pollfd ready[] = {{ended, POLLIN, 0}, {is_open ? said : -1, POLLIN, 0}, {result_fd, 0, 0}};
        poll(ready, std::size(ready), static_cast<int>((until_ns - now_ns) / kMillisecond_ns + 1));
        // At most one piece a round: what it says without end does not keep us from its time.
        if (ready[1].revents != 0) is_open = take_said(said, result, kept);
        if (ready[0].revents != 0) {
            if (is_open && (ready[1].revents & POLLIN) == 0) take_said(said, result, kept);
            return true;
        }
        if ((ready[2].revents & (POLLERR | POLLHUP)) != 0) return false;
    }
}

// The process between: the first of its PID namespace, so that the kernel ends with it all that the program started;
// or, without one, the one that orphans come to.
[[noreturn]] void supervise(const ExecRun& run, int result_fd) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    setsid();
    ExecResult result;
    int said[2] = {-1, -1}, failed[2] = {-1, -1};
    if (pipe2(said, O_CLOEXEC) != 0 || pipe2(failed, O_CLOEXEC) != 0) _exit(1);
    fcntl(said[0], F_SETFL, O_NONBLOCK);  // our end alone: a program does not expect it of its own
    const pid_t program = fork();
    if (program == 0) {
        const std::int32_t problem = exec(run, said[1]);
        static_cast<void>(write(failed[1], &problem, sizeof(problem)) == sizeof(problem));
        _exit(127);
    }
    close(said[1]);
    close(failed[1]);
    const UniqueFd ended(program < 0 ? -1 : open_process(program));
    std::int32_t problem = program < 0 || !ended ? errno : 0;
    const bool has_ended = ended && wait_for(ended.get(), said[0], result_fd, run.timeout_ms, result);
    // Before it is waited for, its number is nobody else's.
    if (program > 0 && !has_ended) kill(program, SIGKILL);
    int how = 0;
    if (program > 0) {
        kill(-program, SIGKILL);
        waitpid(program, &how, 0);
    }
    fcntl(failed[0], F_SETFL, O_NONBLOCK);
    if (problem == 0 && read(failed[0], &problem, sizeof(problem)) != sizeof(problem)) problem = 0;
    result.outcome = problem != 0            ? ExecOutcome::kNotStarted
                     : !has_ended            ? ExecOutcome::kTimedOut
                     : WIFSIGNALED(how)      ? ExecOutcome::kSignal
                     : WEXITSTATUS(how) != 0 ? ExecOutcome::kFailed
                                             : ExecOutcome::kEnded;
    result.status = problem != 0 ? problem : WIFSIGNALED(how) ? WTERMSIG(how) : WEXITSTATUS(how);
    const bool is_first = getpid() == 1;
    if (!is_first) end_children({}, kSweep_ms);
    static_cast<void>(write(result_fd, &result, sizeof(result)) == sizeof(result));
    _exit(0);
}

// In a PID namespace of its own where that is allowed.
pid_t fork_supervisor() {
    const auto inside =
        static_cast<pid_t>(syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
    return inside >= 0 || (errno != EPERM && errno != EINVAL && errno != ENOSPC) ? inside : fork();
}

std::vector<pid_t> children() {
    std::vector<pid_t> found;
    const std::string path = "/proc/self/task/" + std::to_string(gettid()) + "/children";
    const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    std::string text;
    char bytes[4096];
    for (ssize_t got; file && (got = read(file.get(), bytes, sizeof(bytes))) > 0;)
        text.append(bytes, static_cast<std::size_t>(got));
    for (const char* at = text.c_str(); *at != '\0';) {
        char* end = nullptr;
        const long number = std::strtol(at, &end, 10);
        if (end == at) break;
        found.push_back(static_cast<pid_t>(number));
        at = *end == '\0' ? end : end + 1;
    }
    return found;
}

}  // namespace

Result<ExecProcess> start_program(const ExecRun& run) {
    int ends[2] = {-1, -1};
    if (pipe2(ends, O_CLOEXEC) != 0) return kernel_error(errno, "starting a program");
    ExecProcess started;
    started.result = UniqueFd(ends[0]);
    const UniqueFd theirs(ends[1]);
    started.process = fork_supervisor();
    if (started.process == 0) {
        started.result = {};
        supervise(run, theirs.get());
    }
    if (started.process < 0) return kernel_error(errno, "starting a program");
    started.ended = UniqueFd(open_process(started.process));
    if (started.ended) return started;
    const int problem = errno;
    kill(started.process, SIGKILL);
    waitpid(started.process, nullptr, 0);
    return kernel_error(problem, "starting a program");
}

ExecResult end_of(ExecProcess& process) {
    ExecResult result;
    // One that was killed wrote nothing: its time was up, twice.
    if (read(process.result.get(), &result, sizeof(result)) != sizeof(result)) result.outcome = ExecOutcome::kTimedOut;
    result.said[sizeof(result.said) - 1] = '\0';
    waitpid(process.process, nullptr, 0);
    return result;
}

bool end_children(const std::vector<pid_t>& kept, std::uint64_t most_ms) {
    const std::uint64_t until_ns = monotonic_ns() + most_ms * kMillisecond_ns;
    for (;;) {
        bool is_any = false;
        for (const pid_t child : children()) {
            if (std::find(kept.begin(), kept.end(), child) != kept.end()) continue;
            kill(child, SIGKILL);
            is_any = waitpid(child, nullptr, WNOHANG) == 0 || is_any;
        }
        if (!is_any) return true;
        if (monotonic_ns() >= until_ns) return false;
        usleep(1000);
    }
}

void keep_rights_to_start() {
    std::uint64_t kept = 0;
    for (const int capability : {CAP_SETUID, CAP_SETGID, CAP_SETPCAP, CAP_KILL, CAP_SYS_ADMIN, CAP_DAC_READ_SEARCH})
        kept |= std::uint64_t{1} << capability;
    for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability)
        if ((kept >> capability & 1) == 0) prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    set_capabilities(kept);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

}  // namespace weir::runtime
