// Tested by tests/cli/terminal_test.py with `SIGINT`.
#include "cli/end_on_interrupt.h"

#include <unistd.h>

#include <csignal>
#include <string_view>

#include "cli/progress.h"
#include "tooling/files/output_file.h"

namespace weir::cli {
namespace {

void write_all(std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = write(STDERR_FILENO, text.data(), text.size());
        if (written <= 0) return;
        text.remove_prefix(static_cast<std::size_t>(written));
    }
}

// Everything here may be called in a signal handler.
void interrupted(int signal) {
    tooling::OutputFile::remove_unfinished();
    if (Progress::is_shown()) write_all("\r\x1b[K");
    write_all("weir: interrupted: each file is complete, or as it was\n");
    raise(signal);  // SA_RESETHAND: it ends the process
}

}  // namespace

void end_on_interrupt() {
    for (const int signal : {SIGINT, SIGTERM}) {
        struct sigaction before{};
        if (sigaction(signal, nullptr, &before) == 0 && before.sa_handler == SIG_IGN) continue;
        struct sigaction ours{};
        ours.sa_handler = interrupted;
        ours.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
        sigaction(signal, &ours, nullptr);
    }
}

}  // namespace weir::cli
