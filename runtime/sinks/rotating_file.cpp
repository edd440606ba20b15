// Tested by tests/unit/runtime/sinks_test.cpp with `EveFile`.
#include "runtime/sinks/rotating_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fmt/format.h>

#include "grammar/base/printable.h"

namespace weir::runtime {
namespace {

constexpr mode_t kFileMode = 0640;

}  // namespace

bool RotatingFile::failed(const char* what) {
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
    // A file that somebody removed takes what is written, but nobody will read it.
    if (file_ && (fstat(file_.get(), &facts) != 0 || facts.st_nlink == 0)) file_ = UniqueFd();
    if (!file_ && !open_now()) return false;
    if (fstat(file_.get(), &facts) != 0) return failed("reading the size of");
    const auto size = static_cast<std::uint64_t>(facts.st_size);
    const bool is_full = rotate_bytes_ != 0 && size != 0 && size + bytes > rotate_bytes_;
    // Rather a file that grows than events that are lost.
    has_rotated_ = !is_full || rotate();
    return static_cast<bool>(file_);
}

bool RotatingFile::append(std::string_view bytes) {
    const ssize_t written = write(file_.get(), bytes.data(), bytes.size());
    if (written == static_cast<ssize_t>(bytes.size())) {
        is_torn_ = false;
        if (has_rotated_) state_ = "ok";
        return true;
    }
    if (written < 0) return failed("writing");
    // The file may have become shorter since we wrote to it last (copytruncate).
    struct stat facts{};
    is_torn_ = fstat(file_.get(), &facts) != 0 || facts.st_size < written ||
               ftruncate(file_.get(), facts.st_size - written) != 0;
    errno = ENOSPC;
    return failed("writing");
}

}  // namespace weir::runtime
