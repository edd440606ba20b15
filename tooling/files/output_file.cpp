// Tested by tests/unit/tooling/output_file_test.cpp.
#include "tooling/files/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>
#include <random>
#include <utility>

#include <fmt/format.h>

#include "runtime/handles.h"
#include "tooling/files/paths.h"

namespace weir::tooling {
namespace {

constexpr mode_t kMode = 0666;  // less the umask
constexpr int kTries = 100;     // of names that nobody has

// While this lives, no signal handler runs between a name in a folder and the note of it.
class SignalsBlocked {
public:
    SignalsBlocked() {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    SignalsBlocked(const SignalsBlocked&) = delete;
    SignalsBlocked& operator=(const SignalsBlocked&) = delete;

private:
    sigset_t before_{};
};

// The names of unfinished files, where a signal handler finds them. Commands write one file at a time.
struct Unfinished {
    std::atomic<bool> is_taken{false}, is_named{false};
    std::array<char, PATH_MAX> path{};
};
std::array<Unfinished, 4> unfinished;

void note_unfinished(const std::string& path) {
    for (Unfinished& one : unfinished) {
        if (path.size() >= one.path.size() || one.is_taken.exchange(true)) continue;
        path.copy(one.path.data(), path.size());
        one.path[path.size()] = '\0';
        one.is_named = true;
        return;
    }
}

void forget_unfinished(const std::string& path) {
    for (Unfinished& one : unfinished) {
        if (!one.is_named || path != one.path.data()) continue;
        one.is_named = false;
        one.is_taken = false;
        return;
    }
}

std::string name_beside(const std::string& target) {
    std::random_device random;
    return fmt::format("{}.{:08x}", target, random());
}

// Beside `target`, under a name of its own, which goes to `name`.
runtime::UniqueFd named_file(const std::string& target, std::string& name) {
    const SignalsBlocked blocked;
    for (int i = 0; i < kTries; ++i) {
        name = name_beside(target);
        runtime::UniqueFd file(open(name.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, kMode));
        if (file) note_unfinished(name);
        if (file || errno != EEXIST) return file;
    }
    return {};
}

void remove_named(const std::string& path) {
    const SignalsBlocked blocked;
    unlink(path.c_str());
    forget_unfinished(path);
}

}  // namespace

Error OutputFile::failed(int number) const {
    return {fmt::format("{} cannot be written: {}", path_, std::strerror(number)), {}, number};
}

OutputFile& OutputFile::operator=(OutputFile&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(target_, other.target_);
    std::swap(beside_, other.beside_);
    std::swap(file_, other.file_);
    return *this;
}

OutputFile::~OutputFile() {
    if (file_ && !beside_.empty()) remove_named(beside_);
}

Result<OutputFile> OutputFile::create(const std::string& path, Appears appears) {
    OutputFile out(path, nullptr);
    struct stat facts{};
    const bool is_there = stat(path.c_str(), &facts) == 0;
    if (is_there && S_ISDIR(facts.st_mode)) return out.failed(EISDIR);
    runtime::UniqueFd file;
    if (appears == Appears::kAsItComes || (is_there && !S_ISREG(facts.st_mode))) {
        file = runtime::UniqueFd(open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, kMode));
    } else {
        // What cannot be written at its place is refused, though it could be replaced.
        if (is_there && access(path.c_str(), W_OK) != 0) return out.failed(errno);
        out.target_ = resolved(path);
        // Without a name nothing is left of it when the process is killed. Not every file system can do that.
        file = runtime::UniqueFd(open(folder_of(out.target_).c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, kMode));
        if (!file) file = named_file(out.target_, out.beside_);
        if (file && is_there) {
            const bool is_owned = fchown(file.get(), facts.st_uid, facts.st_gid) == 0 || errno == EPERM;
            if (!is_owned || fchmod(file.get(), facts.st_mode & 07777) != 0) {
                const int number = errno;
                if (!out.beside_.empty()) remove_named(out.beside_);
                return out.failed(number);
            }
        }
    }
    if (!file) return out.failed(errno);
    out.file_.reset(fdopen(file.get(), "wb"));
    if (!out.file_) return out.failed(errno);
    file.release();
    return out;
}

Status OutputFile::write(std::string_view bytes) {
    if (std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) == bytes.size()) return Done{};
    return failed(errno);
}

Status OutputFile::flush() {
    if (std::fflush(file_.get()) == 0) return Done{};
    return failed(errno);
}

Status OutputFile::put_in_place() {
    const int fd = fileno(file_.get());
    if (fsync(fd) != 0) return failed(errno);
    const SignalsBlocked blocked;  // from the name until it is the file's
    if (beside_.empty()) {
        const std::string self = fmt::format("/proc/self/fd/{}", fd);
        for (int i = 0; i < kTries && beside_.empty(); ++i) {
            const std::string name = name_beside(target_);
            if (linkat(AT_FDCWD, self.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0)
                note_unfinished(beside_ = name);
            else if (errno != EEXIST)
                return failed(errno);
        }
    }
    if (std::rename(beside_.c_str(), target_.c_str()) == 0) {
        forget_unfinished(beside_);
        beside_.clear();
        return Done{};
    }
    return failed(errno);
}

Status OutputFile::commit() {
    if (Status flushed = flush(); !flushed) return flushed;
    if (!target_.empty())
        if (Status placed = put_in_place(); !placed) return placed;
    if (std::fclose(file_.release()) == 0) return Done{};
    return failed(errno);
}

void OutputFile::remove_unfinished() {
    for (const Unfinished& one : unfinished)
        if (one.is_named) unlink(one.path.data());
}

Status write_whole(const std::string& path, std::string_view bytes) {
    auto file = OutputFile::create(path);
    if (!file) return file.error();
    if (Status written = file->write(bytes); !written) return written;
    return file->commit();
}

}  // namespace weir::tooling
