// Tested by tests/cli/answers_test.py with `stderr`.
#include "cli/nonblocking_stderr.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdint>
#include <cstdio>

#include <fmt/format.h>

namespace weir::cli {
namespace {

constexpr int kPatience_ms = 200;

struct Lost {
    bool is_stalled = false;
    std::uint64_t bytes = 0;  // since the last reader
};

// A pipe that poll() reports writable takes this much without blocking.
bool write_piece(Lost& lost, const char* bytes, std::size_t size) {
    pollfd writable{STDERR_FILENO, POLLOUT, 0};
    lost.is_stalled = poll(&writable, 1, lost.is_stalled ? 0 : kPatience_ms) == 0;
    return !lost.is_stalled && write(STDERR_FILENO, bytes, size) == static_cast<ssize_t>(size);
}

// Accept everything: after a failed write the stream would not print again.
ssize_t take(void* cookie, const char* bytes, std::size_t size) {
    auto& lost = *static_cast<Lost*>(cookie);
    if (lost.bytes != 0) {
        const std::string said =
            fmt::format("weir: {} bytes of messages were lost, because nobody read them\n", lost.bytes);
        if (write_piece(lost, said.data(), said.size())) lost.bytes = 0;
    }
    for (std::size_t at = 0; at < size;) {
        const std::size_t piece = std::min<std::size_t>(size - at, PIPE_BUF);
        if (!write_piece(lost, bytes + at, piece)) {
            lost.bytes += size - at;
            break;
        }
        at += piece;
    }
    return static_cast<ssize_t>(size);
}

}  // namespace

void make_stderr_nonblocking() {
    static Lost lost;
    FILE* stream = fopencookie(&lost, "w", {.read = nullptr, .write = &take, .seek = nullptr, .close = nullptr});
    if (stream == nullptr) return;  // no memory: standard error stays blocking
    setvbuf(stream, nullptr, _IOLBF, BUFSIZ);
    std::fflush(stderr);
    stderr = stream;  // a variable, of the GNU C library
}

}  // namespace weir::cli
