// Tested by tests/cli/answers_test.py with `"check"`.
#include "tooling/files/read.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "grammar/parser.h"
#include "runtime/handles.h"

namespace weir::tooling {
namespace {

Error reason(int number) { return {std::strerror(number), {}, number}; }

Result<std::string> read_fd(int fd, std::size_t limit_bytes) {
    std::string text;
    char buffer[1 << 16];
    for (;;) {
        const ssize_t got = read(fd, buffer, sizeof(buffer));
        if (got == 0) return text;
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return reason(errno);
        text.append(buffer, static_cast<std::size_t>(got));
        if (text.size() > limit_bytes)
            return Error{fmt::format("it has more than {} MB", limit_bytes >> 20), {}, EFBIG};
    }
}

Result<std::string> read_any(const std::string& path) {
    constexpr std::size_t kLimit = kMaxFileBytes + (1 << 20);
    if (path == "-") return read_fd(STDIN_FILENO, kLimit);
    const runtime::UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return reason(errno);
    struct stat facts{};
    if (fstat(fd.get(), &facts) == 0 && S_ISDIR(facts.st_mode)) return Error{"it is a directory", {}, EISDIR};
    return read_fd(fd.get(), kLimit);
}

}  // namespace

Result<std::string> read_file(const std::string& path) {
    auto text = read_any(path);
    if (text) return text;
    return unreadable(path, text.error());
}

Error unreadable(const std::string& path, const Error& why) {
    return {fmt::format("{} cannot be read: {}", path, why.message), why.help, why.number};
}

Result<std::string> read_regular(const std::string& path, std::size_t limit_bytes) {
    const runtime::UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd) return reason(errno);
    struct stat facts{};
    if (fstat(fd.get(), &facts) != 0) return reason(errno);
    if (S_ISDIR(facts.st_mode)) return Error{"it is a directory", {}, EISDIR};
    if (!S_ISREG(facts.st_mode)) return Error{"it is no regular file", {}, EINVAL};
    return read_fd(fd.get(), limit_bytes);
}

}  // namespace weir::tooling
