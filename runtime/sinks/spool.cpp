// Tested by tests/unit/runtime/spool_test.cpp.
#include "runtime/sinks/spool.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include <fmt/format.h>

#include "grammar/base/printable.h"
#include "runtime/bytes.h"
#include "runtime/kernel.h"

namespace weir::runtime {
namespace {

constexpr std::string_view kMagic = "weirspl1";
constexpr std::uint64_t kMinSegment = 64 << 10, kMaxSegment = 16 << 20;
constexpr std::uint32_t kMaxBody = 16 << 20;  // no line is that long
constexpr std::uint64_t kSync_ns = 1'000'000'000;

struct Head {
    std::uint32_t length;
    std::uint32_t sum;
};
struct DoneRecord {
    std::uint64_t segment, at, sum;
};

std::span<const std::uint8_t> bytes_of(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
std::uint32_t sum_of(std::string_view body) { return static_cast<std::uint32_t>(checksum(bytes_of(body))); }
std::uint64_t sum_of(const DoneRecord& done) {
    return checksum({reinterpret_cast<const std::uint8_t*>(&done), offsetof(DoneRecord, sum)});
}

bool read_at(int fd, void* to, std::size_t bytes, std::uint64_t at) {
    return pread(fd, to, bytes, static_cast<off_t>(at)) == static_cast<ssize_t>(bytes);
}

// The body of the line that begins at `at`; nothing where none is there whole.
std::optional<std::string> body_at(int fd, std::uint64_t at) {
    Head head{};
    if (!read_at(fd, &head, sizeof(head), at) || head.length < 2 || head.length > kMaxBody) return std::nullopt;
    std::string body(head.length, '\0');
    if (!read_at(fd, body.data(), body.size(), at + sizeof(head)) || sum_of(body) != head.sum) return std::nullopt;
    return body;
}

std::optional<SpooledLine> line_of(const std::string& body) {
    std::uint16_t id = 0;
    std::memcpy(&id, body.data(), sizeof(id));
    if (sizeof(id) + id > body.size()) return std::nullopt;
    return SpooledLine{body.substr(sizeof(id), id), body.substr(sizeof(id) + id)};
}

}  // namespace

Spool::Spool(std::string folder, std::uint64_t max_bytes, UniqueFd lock)
    : folder_(std::move(folder)),
      max_bytes_(max_bytes),
      segment_bytes_(std::clamp(max_bytes / 8, kMinSegment, kMaxSegment)),
      lock_(std::move(lock)) {}

Result<std::unique_ptr<Spool>> Spool::open(const std::string& folder, std::uint64_t max_bytes) {
    std::error_code failed;
    std::filesystem::create_directories(folder, failed);
    if (failed) return kernel_error(failed.value(), fmt::format("making the folder {}", printable(folder)));
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all, failed);  // events are nobody else's
    if (failed) return kernel_error(failed.value(), fmt::format("changing the folder {}", printable(folder)));
    UniqueFd lock(::open((folder + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!lock) return kernel_error(errno, fmt::format("opening the spool {}", printable(folder)));
    if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0)
        return Error{fmt::format("another sink has the spool {}", printable(folder)), {}, EBUSY};
    std::unique_ptr<Spool> spool(new Spool(folder, max_bytes, std::move(lock)));
    if (Status found = spool->find(); !found) return found.error();
    return spool;
}

std::string Spool::path_of(std::uint64_t number) const { return fmt::format("{}/{:020}.spool", folder_, number); }

// What an earlier engine left.
Status Spool::find() {
    done_ = UniqueFd(::open((folder_ + "/done").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!done_) return kernel_error(errno, fmt::format("opening the spool {}", printable(folder_)));
    DoneRecord done{};
    if (!read_at(done_.get(), &done, sizeof(done), 0) || done.sum != sum_of(done)) done = {};
    std::error_code failed;
    for (const auto& entry : std::filesystem::directory_iterator(folder_, failed)) {
        if (entry.path().extension() != ".spool") continue;
        const std::uint64_t number = std::strtoull(entry.path().stem().c_str(), nullptr, 10);
        if (number != 0) segments_.push_back({number, 0});
    }
    newest_ = done.segment;
    for (const Segment& segment : segments_) newest_ = std::max(newest_, segment.number);
    std::sort(segments_.begin(), segments_.end(),
              [](const Segment& a, const Segment& b) { return a.number < b.number; });
    while (!segments_.empty() && segments_.front().number < done.segment) {
        unlink(path_of(segments_.front().number).c_str());
        segments_.pop_front();
    }
    done_at_ = kMagic.size();
    if (!segments_.empty() && segments_.front().number == done.segment) done_at_ = std::max(done_at_, done.at);
    for (Segment& segment : segments_) {
        lines_ += count_lines(segment, &segment == &segments_.front() ? done_at_ : kMagic.size());
        total_bytes_ += segment.bytes;
    }
    found_ = lines_;
    return Done{};
}

// Sets where it ends: before the first line that is not whole.
std::uint64_t Spool::count_lines(Segment& segment, std::uint64_t from) {
    const UniqueFd in(::open(path_of(segment.number).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    std::uint64_t lines = 0, at = from;
    while (const auto body = in ? body_at(in.get(), at) : std::nullopt) {
        at += sizeof(Head) + body->size();
        ++lines;
    }
    struct stat facts{};
    const bool is_whole = in && fstat(in.get(), &facts) == 0 && static_cast<std::uint64_t>(facts.st_size) <= at;
    if (!is_whole && segment.number != newest_) ++damaged_;  // nobody knows how many there were
    segment.bytes = at;
    return lines;
}

bool Spool::begin_segment() {
    const std::uint64_t number = ++newest_;
    out_ = UniqueFd(::open(path_of(number).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!out_ || write(out_.get(), kMagic.data(), kMagic.size()) != static_cast<ssize_t>(kMagic.size())) {
        if (out_) unlink(path_of(number).c_str());
        out_ = UniqueFd();
        return false;
    }
    if (segments_.empty()) done_at_ = kMagic.size();
    segments_.push_back({number, kMagic.size()});
    total_bytes_ += kMagic.size();
    return true;
}

const char* Spool::append(std::string_view id, std::string_view text) {
    constexpr const char *kFull = "spool full", *kNoSpace = "no space for the spool";
    std::string line(sizeof(Head) + 2, '\0');
    const auto id_bytes = static_cast<std::uint16_t>(id.size());
    std::memcpy(line.data() + sizeof(Head), &id_bytes, sizeof(id_bytes));
    line.append(id).append(text);
    const std::string_view body = std::string_view(line).substr(sizeof(Head));
    const Head head{static_cast<std::uint32_t>(body.size()), sum_of(body)};
    std::memcpy(line.data(), &head, sizeof(head));
    const std::lock_guard lock(mutex_);
    if (total_bytes_ + line.size() > max_bytes_) return kFull;
    if ((!out_ || segments_.back().bytes + line.size() > segment_bytes_) && !begin_segment()) return kNoSpace;
    Segment& segment = segments_.back();
    const ssize_t written = write(out_.get(), line.data(), line.size());
    if (written != static_cast<ssize_t>(line.size())) {
        // The next line begins where this one did; a file that cannot be cut is left as it is, and ends there.
        if (written > 0 && ftruncate(out_.get(), static_cast<off_t>(segment.bytes)) == 0)
            lseek(out_.get(), static_cast<off_t>(segment.bytes), SEEK_SET);
        else if (written > 0)
            out_ = UniqueFd();
        return kNoSpace;
    }
    segment.bytes += line.size();
    total_bytes_ += line.size();
    ++lines_;
    return nullptr;
}

void Spool::sync() {
    const std::lock_guard lock(mutex_);
    const std::uint64_t now_ns = monotonic_ns();
    if (!out_ || now_ns - synced_ns_ < kSync_ns) return;
    fdatasync(out_.get());
    synced_ns_ = now_ns;
}

std::vector<SpooledLine> Spool::first(std::size_t most) {
    const std::lock_guard lock(mutex_);
    std::vector<SpooledLine> lines;
    handed_.clear();
    std::uint64_t at = done_at_;
    for (const Segment& segment : segments_) {
        const UniqueFd in(::open(path_of(segment.number).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
        while (lines.size() < most && at < segment.bytes) {
            const auto body = in ? body_at(in.get(), at) : std::nullopt;
            auto line = body ? line_of(*body) : std::nullopt;
            if (!line) break;  // somebody has changed it since: drop_done() goes past it
            at += sizeof(Head) + body->size();
            lines.push_back(std::move(*line));
            handed_.push_back({segment.number, at});
        }
        if (lines.size() == most) break;
        at = kMagic.size();
    }
    // Lines are counted where none can be read any more.
    if (lines.empty() && lines_ != 0) {
        damaged_ += lines_;
        lines_ = 0;
        while (segments_.size() > (out_ ? 1u : 0u)) drop_done();
        if (!segments_.empty()) done_at_ = segments_.front().bytes;
        save_done();
    }
    return lines;
}

void Spool::settle(std::size_t lines) {
    const std::lock_guard lock(mutex_);
    if (lines == 0 || lines > handed_.size()) return;
    const Place place = handed_[lines - 1];
    handed_.erase(handed_.begin(), handed_.begin() + static_cast<std::ptrdiff_t>(lines));
    lines_ -= lines;
    while (segments_.front().number != place.segment) drop_done();
    done_at_ = place.end;
    // The one that is written to stays until it is full.
    while (!segments_.empty() && done_at_ >= segments_.front().bytes && !(segments_.size() == 1 && out_)) drop_done();
    save_done();
}

void Spool::drop_done() {
    unlink(path_of(segments_.front().number).c_str());
    total_bytes_ -= segments_.front().bytes;
    segments_.pop_front();
    done_at_ = kMagic.size();
}

// Lost with the power, it only costs that lines are sent again.
void Spool::save_done() {
    DoneRecord done{segments_.empty() ? 0 : segments_.front().number, done_at_, 0};
    done.sum = sum_of(done);
    if (pwrite(done_.get(), &done, sizeof(done), 0) != sizeof(done))
        problem_ = fmt::format("writing to the spool {} failed: {}", printable(folder_), std::strerror(errno));
    else
        problem_.clear();
}

std::uint64_t Spool::lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
}

std::uint64_t Spool::bytes() const {
    const std::lock_guard lock(mutex_);
    return total_bytes_;
}

std::uint64_t Spool::damaged() const {
    const std::lock_guard lock(mutex_);
    return damaged_;
}

}  // namespace weir::runtime
