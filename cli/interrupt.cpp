// Tested by tests/cli/stop_test.py with `SIGINT`.
#include "cli/interrupt.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>

namespace weir::cli {

Interrupt::Interrupt() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, &before_);
    fd_ = runtime::UniqueFd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

Interrupt::~Interrupt() { sigprocmask(SIG_SETMASK, &before_, nullptr); }

bool Interrupt::take() const {
    signalfd_siginfo signal{};
    return read(fd_.get(), &signal, sizeof(signal)) == sizeof(signal);
}

Waited wait_for(int fd, short events, const Interrupt& interrupt, int timeout_ms) {
    pollfd ready[] = {{fd, events, 0}, {interrupt.fd(), POLLIN, 0}};
    for (;;) {
        const int count = poll(ready, std::size(ready), timeout_ms);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return Waited::kTimeout;
        if (ready[0].revents != 0) return Waited::kReady;
        if (interrupt.take()) return Waited::kInterrupted;
    }
}

}  // namespace weir::cli
