// Tested by tests/unit/runtime/snapshot_file_test.cpp.
#include "runtime/state/snapshot_file.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <optional>

#include <fmt/format.h>

#include "grammar/base/hash.h"
#include "runtime/kernel.h"

namespace weir::runtime {
namespace {

// The lines of a file:
//     weir sets 1
//     at 1767322800000000000            when, CLOCK_REALTIME in ns
//     set blocked: (ip)                 the identity of a set; its entries follow
//     1767326400000000000 198.51.100.7  its end, the same clock; 0: none
//     end 1 af63bd4c8601b7df            entries; the hash of all that stands before
constexpr std::string_view kHeader = "weir sets ", kVersion = "1", kAt = "at ", kSet = "set ", kEnd = "end ";
constexpr const char *kName = "sets", *kUnfinished = "sets.new", *kAside = "sets.unreadable";
constexpr std::size_t kBufferBytes = 64 << 10;
constexpr std::size_t kMaxLineBytes = 512;  // three addresses and a time are 160
constexpr std::uint64_t kMaxSets = 65536;
constexpr off_t kMaxBytes = off_t{2} << 30;  // the 12 million entries that a policy's sets have together

template <typename Number>
std::optional<Number> number_in(std::string_view text, int base = 10) {
    Number number = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number, base);
    return failed == std::errc() && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

Result<UniqueFd> open_folder(const std::string& folder) {
    UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) return kernel_error(errno, fmt::format("opening {}", folder));
    struct stat facts{};
    if (fstat(fd.get(), &facts) != 0) return kernel_error(errno, fmt::format("looking at {}", folder));
    if ((facts.st_uid != 0 && facts.st_uid != geteuid()) || (facts.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return Error{fmt::format("{} is not a folder that only root or this engine's user can write to", folder),
                     "chmod go-w and chown it, or choose another: --state DIR", EPERM};
    return fd;
}

// The folder that this one is in, too: not those above, which a slip of the pen would make.
Status make_folder(const std::string& folder) {
    const std::string above = folder.substr(0, folder.find_last_of('/'));
    if (!above.empty() && above != folder && mkdir(above.c_str(), 0750) != 0 && errno != EEXIST)
        return kernel_error(errno, fmt::format("making {}", above));
    if (mkdir(folder.c_str(), 0750) != 0 && errno != EEXIST)
        return kernel_error(errno, fmt::format("making {}", folder));
    return Done{};
}

// Lines of a file, the end of each taken off; memory is bounded whatever it holds.
class Lines {
public:
    explicit Lines(int fd) : fd_(fd) {}
    // Nothing at the end, and where no line is: rest() says which.
    std::optional<std::string_view> next() {
        for (;;) {
            const std::string_view left(buffer_.data() + begin_, end_ - begin_);
            if (const std::size_t at = left.find('\n'); at != std::string_view::npos && at <= kMaxLineBytes) {
                begin_ += at + 1;
                return left.substr(0, at);
            }
            if (left.size() > kMaxLineBytes || !fill()) return std::nullopt;
        }
    }
    int failed() const { return failed_; }
    bool at_end() const { return begin_ == end_; }

private:
    bool fill() {
        std::copy(buffer_.data() + begin_, buffer_.data() + end_, buffer_.data());
        end_ -= begin_;
        begin_ = 0;
        const ssize_t got = read(fd_, buffer_.data() + end_, buffer_.size() - end_);
        if (got < 0) failed_ = errno;
        if (got > 0) end_ += static_cast<std::size_t>(got);
        return got > 0;
    }
    int fd_;
    std::array<char, kBufferBytes> buffer_;
    std::size_t begin_ = 0, end_ = 0;
    int failed_ = 0;
};

bool is_printable(std::string_view line) {
    return std::all_of(line.begin(), line.end(), [](char byte) { return byte >= ' ' && byte <= '~'; });
}

Error broken(const char* how) { return {how, {}, EBADMSG}; }

}  // namespace

std::string snapshot_path(const std::string& folder) { return fmt::format("{}/{}", folder, kName); }

Result<SnapshotWriter> SnapshotWriter::create(const std::string& folder, std::uint64_t now_ns) {
    if (Status made = make_folder(folder); !made) return made.error();
    auto folder_fd = open_folder(folder);
    if (!folder_fd) return folder_fd.error();
    unlinkat(folder_fd->get(), kUnfinished, 0);  // of a writer that was killed
    UniqueFd file(openat(folder_fd->get(), kUnfinished, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file) return kernel_error(errno, fmt::format("writing {}/{}", folder, kUnfinished));
    SnapshotWriter writer(folder, std::move(*folder_fd), std::move(file));
    writer.hash_ = kFnv1aBegin;
    writer.line(fmt::format("{}{}", kHeader, kVersion));
    writer.line(fmt::format("{}{}", kAt, now_ns));
    return writer;
}

SnapshotWriter::~SnapshotWriter() {
    if (file_) unlinkat(folder_fd_.get(), kUnfinished, 0);
}

void SnapshotWriter::line(std::string_view text) {
    buffer_ += text;
    buffer_ += '\n';
    if (buffer_.size() > kBufferBytes) write_out();
}

void SnapshotWriter::write_out() {
    hash_ = fnv1a(buffer_, hash_);
    for (std::string_view left = buffer_; !left.empty() && failed_ == 0;) {
        const ssize_t written = write(file_.get(), left.data(), left.size());
        if (written < 0 && errno != EINTR) failed_ = errno;
        if (written > 0) left.remove_prefix(static_cast<std::size_t>(written));
    }
    buffer_.clear();
}

void SnapshotWriter::set(std::string_view identity) { line(identity); }

void SnapshotWriter::entry(std::string_view value, std::uint64_t end_ns) {
    ++entries_;
    line(fmt::format("{} {}", end_ns, value));
}

Status SnapshotWriter::finish() {
    write_out();
    line(fmt::format("{}{} {:016x}", kEnd, entries_, hash_));
    write_out();
    const std::string path = snapshot_path(folder_);
    if (failed_ == 0 && fsync(file_.get()) != 0) failed_ = errno;
    if (failed_ == 0 && renameat(folder_fd_.get(), kUnfinished, folder_fd_.get(), kName) != 0) failed_ = errno;
    if (failed_ != 0) return kernel_error(failed_, fmt::format("writing {}", path));
    file_ = UniqueFd();
    if (fsync(folder_fd_.get()) != 0) return kernel_error(errno, fmt::format("writing {}", folder_));
    return Done{};
}

Result<SnapshotReader> SnapshotReader::open(const std::string& folder) {
    const std::string path = snapshot_path(folder);
    auto folder_fd = open_folder(folder);
    if (!folder_fd) return folder_fd.error();
    // Non-blocking: what stands there may be no file.
    UniqueFd file(openat(folder_fd->get(), kName, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    struct stat facts{};
    if (!file || fstat(file.get(), &facts) != 0) {
        if (errno == ELOOP) return Error{fmt::format("{} is a symbolic link", path), {}, EBADMSG};
        return kernel_error(errno, fmt::format("reading {}", path));
    }
    const auto bad = [&](const std::string& how) { return Error{fmt::format("{} {}", path, how), {}, EBADMSG}; };
    if (!S_ISREG(facts.st_mode)) return bad("is not a regular file");
    if (facts.st_uid != geteuid() && facts.st_uid != 0) return bad(fmt::format("belongs to user {}", facts.st_uid));
    if ((facts.st_mode & (S_IWGRP | S_IWOTH)) != 0) return bad("is writable by others");
    if (facts.st_size > kMaxBytes) return bad(fmt::format("has {} bytes; the limit is {}", facts.st_size, kMaxBytes));
    SnapshotReader reader(std::move(file));
    if (Status whole = reader.scan({}); !whole) return bad(whole.error().message);
    return reader;
}

Status SnapshotReader::each(const OnEntry& on_entry) { return scan(on_entry); }

// From the first line to the last. Without `on_entry` it only says whether all of it is good.
Status SnapshotReader::scan(const OnEntry& on_entry) {
    if (lseek(file_.get(), 0, SEEK_SET) != 0) return kernel_error(errno, "is read, which");
    Lines lines(file_.get());
    std::uint64_t hash = kFnv1aBegin, entries = 0, sets = 0;
    std::string identity;
    const auto take = [&](std::string_view line) { hash = fnv1a("\n", fnv1a(line, hash)); };
    auto line = lines.next();
    if (!line || !line->starts_with(kHeader)) return broken("is not a sets file of weir");
    if (line->substr(kHeader.size()) != kVersion) return broken("has a version that this weir does not support");
    take(*line);
    line = lines.next();
    const auto saved_at_ns =
        line && line->starts_with(kAt) ? number_in<std::uint64_t>(line->substr(kAt.size())) : std::nullopt;
    if (!saved_at_ns) return broken("does not say when it was written");
    saved_at_ns_ = *saved_at_ns;
    for (take(*line); (line = lines.next()) && !line->starts_with(kEnd); take(*line)) {
        if (!is_printable(*line)) return broken("has a line that is no text");
        if (line->starts_with(kSet)) {
            if (++sets > kMaxSets) return broken("has too many sets");
            identity = *line;
            continue;
        }
        const std::size_t space = line->find(' ');
        const auto end_ns =
            space == std::string_view::npos ? std::nullopt : number_in<std::uint64_t>(line->substr(0, space));
        if (!end_ns || identity.empty()) return broken("has a line that is not an entry");
        ++entries;
        if (on_entry) on_entry(identity, line->substr(space + 1), *end_ns);
    }
    if (!line)
        return lines.failed() != 0 ? kernel_error(lines.failed(), "is broken: reading it") : broken("is truncated");
    if (*line != fmt::format("{}{} {:016x}", kEnd, entries, hash)) return broken("does not match its checksum");
    if (lines.next() || !lines.at_end()) return broken("has data after its end");
    return Done{};
}

Result<std::string> quarantine_snapshot(const std::string& folder) {
    auto folder_fd = open_folder(folder);
    if (!folder_fd) return folder_fd.error();
    if (renameat(folder_fd->get(), kName, folder_fd->get(), kAside) != 0)
        return kernel_error(errno, fmt::format("renaming {}", snapshot_path(folder)));
    return fmt::format("{}/{}", folder, kAside);
}

}  // namespace weir::runtime
