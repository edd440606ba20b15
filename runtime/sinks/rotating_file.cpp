// Tested by tests/unit/runtime/eve_test.cpp with `EveFile`.
#include "runtime/sinks/rotating_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>

#include <fmt/format.h>

#include "grammar/base/printable.h"

namespace weir::runtime {
namespace {

constexpr mode_t kFileMode = 0640;
constexpr std::size_t kPiece = std::size_t{64} << 10;  // a write of that size costs little of what its lines do

const char* reason_of(int error) {
    if (error == ENOSPC || error == EDQUOT || error == EFBIG) return "no space";
    return error == EAGAIN ? "nobody reads" : "not written";
}

}  // namespace

bool RotatingFile::failed(const char* what) {
    loss_reason_ = reason_of(errno);
    return refuse(fmt::format("{} {} failed: {}", what, printable(path_), std::strerror(errno)));
}

bool RotatingFile::refuse(std::string why) {
    state_ = std::move(why);
    return false;
}

// A symbolic link is followed where root or this process's user made it: anybody else could have what root writes end
// up in a file of their choice.
bool RotatingFile::open_now() {
    struct stat link{};
    const bool is_link = lstat(path_.c_str(), &link) == 0 && S_ISLNK(link.st_mode);
    if (is_link && link.st_uid != 0 && link.st_uid != geteuid())
        return refuse(
            fmt::format("{} is a symbolic link of user {}: it is not followed", printable(path_), link.st_uid));
    // Without O_NONBLOCK a named pipe would keep us until somebody reads it.
    const int flags = (access_ == Access::kReadsToo ? O_RDWR : O_WRONLY) | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK |
                      (is_link ? 0 : O_NOFOLLOW);
    file_ = UniqueFd(::open(path_.c_str(), flags, kFileMode));
    if (!file_) return failed("opening");
    ++opened_;
    is_torn_ = false;
    return true;
}

// False where somebody has moved it away, or put another one in its place.
bool RotatingFile::is_at_its_path() const {
    struct stat ours{}, there{};
    return fstat(file_.get(), &ours) == 0 && stat(path_.c_str(), &there) == 0 && ours.st_dev == there.st_dev &&
           ours.st_ino == there.st_ino;
}

// True where another file is at its path: logrotate's `create`.
bool RotatingFile::is_replaced() const {
    struct stat there{};
    return stat(path_.c_str(), &there) == 0 && !is_at_its_path();
}

bool RotatingFile::rotate() {
    if (!is_at_its_path()) return open_now();  // somebody else has rotated it
    const auto numbered = [&](std::uint32_t number) { return fmt::format("{}.{}", path_, number); };
    // Only as many are moved as it takes to free the first place: where the last step fails, the next attempt moves
    // nothing again, and no file is lost.
    std::uint32_t free = 1;
    struct stat facts{};
    while (free < keep_ && stat(numbered(free).c_str(), &facts) == 0) ++free;
    for (std::uint32_t number = free; number > 1; --number)
        if (std::rename(numbered(number - 1).c_str(), numbered(number).c_str()) != 0) return failed("rotating");
    if (std::rename(path_.c_str(), numbered(1).c_str()) != 0) return failed("rotating");
    return open_now();
}

bool RotatingFile::open() {
    if (file_) return true;
    if (!open_now()) return false;
    state_ = "ok";
    return true;
}

bool RotatingFile::reopen() {
    file_ = UniqueFd();
    return open();
}

bool RotatingFile::make_room(std::size_t bytes) {
    struct stat facts{};
    // A file that somebody removed takes what is written, but nobody will read it; one in whose place there is another
    // has been rotated by somebody else. One that was renamed only goes on until it is opened again.
    if (file_ && (fstat(file_.get(), &facts) != 0 || facts.st_nlink == 0 || is_replaced())) file_ = UniqueFd();
    if (!file_ && !open_now()) return false;
    if (fstat(file_.get(), &facts) != 0) return failed("reading the size of");
    const auto size = static_cast<std::uint64_t>(facts.st_size);
    const bool is_full = rotate_bytes_ != 0 && size != 0 && size + bytes > rotate_bytes_;
    // Rather a file that grows than events that are lost.
    const std::uint64_t opened = opened_;
    has_rotated_ = !is_full || rotate();
    if (!file_) return false;
    if (opened != opened_ && fstat(file_.get(), &facts) != 0) return failed("reading the size of");
    size_ = static_cast<std::uint64_t>(facts.st_size);
    is_regular_ = S_ISREG(facts.st_mode);
    return true;
}

std::uint64_t RotatingFile::room() const {
    if (rotate_bytes_ == 0 || !has_rotated_) return ~std::uint64_t{0};
    return rotate_bytes_ - std::min(size_, rotate_bytes_);
}

std::size_t RotatingFile::piece_bytes() const { return is_regular_ ? kPiece : PIPE_BUF; }

// The file may have become shorter since we wrote to it last (copytruncate).
bool RotatingFile::take_back(std::size_t bytes) {
    struct stat facts{};
    const auto back = static_cast<off_t>(bytes);
    return fstat(file_.get(), &facts) == 0 && facts.st_size >= back &&
           ftruncate(file_.get(), facts.st_size - back) == 0;
}

bool RotatingFile::end_torn_line() {
    if (is_torn_ && write(file_.get(), "\n", 1) != 1) return failed("writing");
    is_torn_ = false;
    return true;
}

std::size_t RotatingFile::append_lines(std::string_view lines) {
    if (!end_torn_line()) return 0;
    std::size_t written = 0;
    ssize_t now = 0;
    while (written < lines.size()) {
        errno = EIO;  // where it says nothing
        now = write(file_.get(), lines.data() + written, lines.size() - written);
        if (now == 0 || (now < 0 && errno != EINTR)) break;
        written += static_cast<std::size_t>(std::max<ssize_t>(now, 0));
    }
    size_ += written;
    if (written == lines.size()) {
        if (has_rotated_) state_ = "ok";
        return written;
    }
    const int error = errno;
    const std::size_t whole = written == 0 ? 0 : lines.rfind('\n', written - 1) + 1;  // 0 where there is none
    is_torn_ = whole != written && !take_back(written - whole);
    errno = error;
    failed("writing");
    return whole;
}

bool RotatingFile::append(std::string_view bytes) {
    const ssize_t written = write(file_.get(), bytes.data(), bytes.size());
    if (written == static_cast<ssize_t>(bytes.size())) {
        is_torn_ = false;
        if (has_rotated_) state_ = "ok";
        return true;
    }
    if (written < 0) return failed("writing");
    is_torn_ = !take_back(static_cast<std::size_t>(written));
    errno = ENOSPC;
    return failed("writing");
}

}  // namespace weir::runtime
