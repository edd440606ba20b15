// Tested by tests/unit/tooling/capture_test.cpp, and fuzzed by tests/fuzz/capture.cpp.
#include "tooling/judge/capture.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fmt/format.h>

#include "runtime/trial_run.h"
#include "tooling/judge/link_type.h"

namespace weir::tooling {
namespace {

constexpr std::uint8_t kGzip[] = {0x1f, 0x8b}, kZstd[] = {0x28, 0xb5, 0x2f, 0xfd}, kXz[] = {0xfd, '7', 'z', 'X'};

template <std::size_t N>
bool begins(std::span<const std::uint8_t> bytes, const std::uint8_t (&magic)[N]) {
    return bytes.size() >= N && std::equal(magic, magic + N, bytes.begin());
}

// The kernel runs such a frame as one that comes in, and refuses it on its way out.
bool is_cut_in_ip(std::span<const std::uint8_t> frame) {
    return runtime::TestRunner::accepts(frame.size()) && !runtime::TestRunner::accepts(frame, bpf::Direction::kOut);
}

Error no_capture(std::span<const std::uint8_t> first) {
    if (begins(first, kZstd)) return {"it is compressed with zstd", "decompress it first: zstd -d", 0};
    if (begins(first, kXz)) return {"it is compressed with xz", "decompress it first: xz -d", 0};
    return {"it is neither pcap nor pcapng", {}, 0};
}

Error unreadable(const std::string& name, const Error& why) {
    return {fmt::format("{} cannot be read: {}", name, why.message), why.help, why.number};
}
Error unreadable(const std::string& name, int number) { return unreadable(name, {std::strerror(number), {}, number}); }

bool write_all(int fd, std::span<const std::uint8_t> bytes) {
    while (!bytes.empty()) {
        const ssize_t written = write(fd, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    return true;
}

// A file without a name in the folder for temporary files.
runtime::UniqueFd temporary_file() {
    std::error_code none;
    const std::string folder = std::filesystem::temp_directory_path(none).string();
    runtime::UniqueFd file(open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (file) return file;
    std::string path = folder + "/weir-XXXXXX";
    file = runtime::UniqueFd(mkostemp(path.data(), O_CLOEXEC));
    if (file) unlink(path.c_str());
    return file;
}

// What comes out of `source` until its end. What does not begin as a capture does is not copied: it may never end.
Result<runtime::UniqueFd> copied(int source, const std::string& name) {
    runtime::UniqueFd file = temporary_file();
    if (!file) return Error{fmt::format("a temporary file cannot be made: {}", std::strerror(errno)), {}, errno};
    std::array<std::uint8_t, 1 << 16> piece{};
    std::size_t kept = 0;
    for (bool is_first = true;;) {
        const ssize_t got = read(source, piece.data() + kept, piece.size() - kept);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return unreadable(name, errno);
        kept += static_cast<std::size_t>(got);
        if (got != 0 && is_first && kept < 4) continue;
        const std::span<const std::uint8_t> bytes(piece.data(), kept);
        if (is_first) {
            const bool known = kept >= 4 && (PcapReader::of(bytes.first<4>()) || PcapngReader::of(bytes.first<4>()));
            if (!known && !begins(bytes, kGzip)) return unreadable(name, no_capture(bytes));
        }
        is_first = false;
        if (!write_all(file.get(), bytes))
            return Error{fmt::format("a temporary file cannot be written: {}", std::strerror(errno)),
                         "TMPDIR names a folder with more room", errno};
        kept = 0;
        if (got == 0) break;
    }
    if (lseek(file.get(), 0, SEEK_SET) != 0) return unreadable(name, errno);
    return file;
}

}  // namespace

Result<Capture> Capture::of_file(const std::string& name, runtime::UniqueFd file) {
    auto stream = ByteStream::open(std::move(file));
    if (!stream) return unreadable(name, stream.error());
    Capture capture(name, std::move(*stream));
    if (Status begun = capture.begin(); !begun) return begun.error();
    return capture;
}

Result<Capture> Capture::open(const std::string& path) {
    const std::string name = path == "-" ? "standard input" : path;
    runtime::UniqueFd file =
        path == "-" ? runtime::duplicate(STDIN_FILENO) : runtime::UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat facts{};
    if (!file || fstat(file.get(), &facts) != 0) return unreadable(name, errno);
    if (S_ISDIR(facts.st_mode)) return unreadable(name, EISDIR);
    if (S_ISREG(facts.st_mode)) return of_file(name, std::move(file));
    auto copy = copied(file.get(), name);
    if (!copy) return copy.error();
    return of_file(name, std::move(*copy));
}

Result<Capture> Capture::open_regular(const std::string& path) {
    runtime::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat facts{};
    if (!file || fstat(file.get(), &facts) != 0) return unreadable(path, errno);
    if (!S_ISREG(facts.st_mode)) return unreadable(path, {"it is no regular file", {}, EINVAL});
    return of_file(path, std::move(file));
}

Result<Capture> Capture::of_bytes(const std::string& name, std::string_view bytes) {
    runtime::UniqueFd file(memfd_create("capture", MFD_CLOEXEC));
    if (!file || !write_all(file.get(), {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}) ||
        lseek(file.get(), 0, SEEK_SET) != 0)
        return unreadable(name, errno);
    return of_file(name, std::move(file));
}

Status Capture::begin() {
    frames_ = last_ns_ = 0;
    std::array<std::uint8_t, 4> magic{};
    const auto got = stream_.read(magic);
    if (!got) return unreadable(name_, got.error());
    if (*got == ByteStream::Got::kEnd) return unreadable(name_, {"it is empty", {}, 0});
    if (const auto pcap = PcapReader::of(magic))
        reader_ = *pcap;
    else if (const auto pcapng = PcapngReader::of(magic))
        reader_ = *pcapng;
    else
        return unreadable(name_, no_capture(magic));
    const Status begun = std::visit([this](auto& reader) { return reader.begin(stream_); }, reader_);
    if (!begun) return failed(begun.error());
    // A pcap has one type for all.
    if (const auto* pcap = std::get_if<PcapReader>(&reader_); pcap != nullptr && pcap->link_type() != kEthernet)
        return no_ethernet(pcap->link_type());
    return Done{};
}

Error Capture::failed(const Error& error) const {
    return {fmt::format("{} cannot be read whole: {} (packet {}, byte {})", name_, error.message, frames_ + 1,
                        stream_.position()),
            error.help, error.number};
}

Error Capture::no_ethernet(std::uint16_t link_type) const {
    return {fmt::format("{}: packet {} is no Ethernet frame: {}", name_, frames_ + 1, link_type_name(link_type)),
            link_type_advice(link_type), 0};
}

Result<std::optional<CapturedFrame>> Capture::next() {
    const auto read = std::visit([this](auto& reader) { return reader.next(stream_, record_); }, reader_);
    if (!read) return failed(read.error());
    if (!*read) return std::optional<CapturedFrame>();
    if (record_.link_type != kEthernet) return no_ethernet(record_.link_type);
    ++frames_;
    last_ns_ = std::max(last_ns_, record_.time_ns.value_or(0));
    return std::optional(
        CapturedFrame{record_.bytes, record_.original_bytes, last_ns_, record_.interface, record_.direction});
}

Status Capture::rewind() {
    if (Status back = stream_.rewind(); !back) return failed(back.error());
    return begin();
}

Result<CaptureFacts> Capture::facts() {
    CaptureFacts facts;
    for (;;) {
        const auto frame = next();
        if (!frame) return frame.error();
        if (!*frame) break;
        const std::size_t bytes = (*frame)->bytes.size();
        facts.shortest_bytes = facts.frames == 0 ? bytes : std::min(facts.shortest_bytes, bytes);
        facts.longest_bytes = std::max(facts.longest_bytes, bytes);
        facts.cut_frames += (*frame)->original_bytes > bytes ? 1 : 0;
        facts.frames_with_direction += (*frame)->direction.has_value() ? 1 : 0;
        facts.frames_cut_in_ip += is_cut_in_ip((*frame)->bytes) ? 1 : 0;
        ++facts.frames;
    }
    if (Status back = rewind(); !back) return back.error();
    return facts;
}

}  // namespace weir::tooling
