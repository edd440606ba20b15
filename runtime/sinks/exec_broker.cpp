// Tested by tests/unit/sinks/exec_test.cpp with `ExecBroker`.
#include "runtime/sinks/exec_broker.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "runtime/bytes.h"
#include "runtime/kernel.h"
#include "runtime/message_socket.h"

namespace weir::runtime {
namespace {

constexpr int kControlFd = 3, kFolderFd = 4;

std::vector<std::uint8_t> bytes_of(const ExecTerms& terms) {
    ByteWriter out;
    out.put(terms.path);
    out.put(terms.user);
    out.put(terms.timeout_ms);
    out.put(terms.at_once);
    return out.bytes();
}

// False where they are none.
bool terms_from(const std::vector<std::uint8_t>& bytes, ExecTerms& terms) {
    ByteReader in(bytes);
    terms.path = in.text();
    terms.user = in.text();
    terms.timeout_ms = in.get<std::uint64_t>();
    terms.at_once = in.get<std::uint32_t>();
    constexpr std::uint64_t kMaxTimeout_ms = 3'600'000;
    return in.good() && terms.timeout_ms <= kMaxTimeout_ms && terms.at_once >= 1 && terms.at_once <= kMaxAtOnce;
}

// Nothing of the engine's but the folder and the socket.
bool keep_two(const UniqueFd& control, const UniqueFd& folder) {
    const UniqueFd nothing(open("/dev/null", O_RDWR | O_CLOEXEC));
    const int lifted_control = fcntl(control.get(), F_DUPFD_CLOEXEC, 16);
    const int lifted_folder = fcntl(folder.get(), F_DUPFD_CLOEXEC, 16);
    if (!nothing || lifted_control < 0 || lifted_folder < 0) return false;
    const UniqueFd lifted_nothing(fcntl(nothing.get(), F_DUPFD_CLOEXEC, 16));
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        if (dup2(lifted_nothing.get(), fd) < 0) return false;
    return dup3(lifted_control, kControlFd, O_CLOEXEC) >= 0 && dup3(lifted_folder, kFolderFd, O_CLOEXEC) >= 0 &&
           close_range(kFolderFd + 1, ~0u, 0) == 0;
}

// Ends with `parent`.
void become_child_of(pid_t parent) {
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) _exit(1);
}

[[noreturn]] void serve(const std::string& path, pid_t engine) {
    become_child_of(engine);
    setsid();  // Ctrl-C is for the engine, which ends it
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGCHLD, SIG_IGN);  // nobody waits for sessions
    keep_rights_to_start();
    const ExecFolder folder{path, UniqueFd(kFolderFd)};
    const pid_t self = getpid();
    Message message;
    while (receive_message(kControlFd, message, 1, Wait::kYes) == Received::kMessage) {
        ExecTerms terms;
        if (message.fds.size() != 1 || !terms_from(message.bytes, terms) || fork() != 0) continue;
        become_child_of(self);
        std::signal(SIGCHLD, SIG_DFL);
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        close(kControlFd);
        serve_session(message.fds.front().get(), folder, terms);
        _exit(0);
    }
    _exit(0);
}

}  // namespace

bool send_request(int session, const ExecRequest& request) {
    ByteWriter out;
    out.put(request.number);
    out.put(request.event);
    out.put(static_cast<std::uint32_t>(request.arguments.size()));
    for (const std::string& argument : request.arguments) out.put(argument);
    return send_message(session, out.bytes());
}

Answered receive_answer(int session, ExecAnswer& answer) {
    Message message;
    const Received received = receive_message(session, message, 0, Wait::kNo);
    if (received == Received::kNothing) return Answered::kNothing;
    ByteReader in(message.bytes);
    answer.number = in.get<std::uint64_t>();
    answer.outcome = in.get<ExecOutcome>();
    answer.status = in.get<std::int32_t>();
    answer.text = in.text();
    return received == Received::kMessage && in.good() ? Answered::kAnswer : Answered::kClosed;
}

Result<std::unique_ptr<ExecBroker>> ExecBroker::start(const std::string& folder) {
    auto opened = open_exec_folder(folder);
    if (!opened) return opened.error();
    auto sockets = make_socket_pair();
    if (!sockets) return sockets.error();
    const pid_t engine = getpid(), process = fork();
    if (process < 0) return kernel_error(errno, "starting the process that runs programs");
    if (process == 0) {
        if (!keep_two(sockets->theirs, opened->fd)) _exit(1);
        // Their owners are copies of the engine's: what they name is closed already, or is ours.
        sockets->ours.release(), sockets->theirs.release(), opened->fd.release();
        serve(opened->path, engine);
    }
    return std::unique_ptr<ExecBroker>(new ExecBroker(opened->path, std::move(sockets->ours), process));
}

ExecBroker::~ExecBroker() {
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
}

Result<UniqueFd> ExecBroker::open_session(const ExecTerms& terms) const {
    auto sockets = make_socket_pair();
    if (!sockets) return sockets.error();
    const int theirs = sockets->theirs.get();
    if (!send_message(socket_.get(), bytes_of(terms), {&theirs, 1}))
        return Error{"the process that runs programs has ended", "restart weir", ECHILD};
    return std::move(sockets->ours);
}

}  // namespace weir::runtime
