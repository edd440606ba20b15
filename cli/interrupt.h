// Ctrl-C and SIGTERM for commands that must not end in the middle of something.
#pragma once

#include <signal.h>

#include "runtime/handles.h"

namespace weir::cli {

// While it lives, SIGINT and SIGTERM do not end the program: fd() becomes readable instead.
class Interrupt {
public:
    Interrupt();
    Interrupt(const Interrupt&) = delete;
    Interrupt& operator=(const Interrupt&) = delete;
    ~Interrupt();  // signals that were not taken end the program now

    int fd() const { return fd_.get(); }
    // True once for each signal that came.
    bool take() const;

private:
    sigset_t before_{};
    runtime::UniqueFd fd_{};
};

// Waits until `fd` has `events` (poll(2)) or a signal comes: kTimeout after `timeout_ms`, never with -1.
enum class Waited { kReady, kInterrupted, kTimeout };
Waited wait_for(int fd, short events, const Interrupt& interrupt, int timeout_ms);

}  // namespace weir::cli
