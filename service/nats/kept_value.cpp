// Tested by tests/unit/service/kept_value_test.cpp.
#include "service/nats/kept_value.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include "runtime/bytes.h"
#include "runtime/kernel.h"
#include "tooling/files/sha256.h"

namespace weir::service {
namespace {

constexpr std::uint64_t kMagic = 0x31766b72696577;  // "weirkv1"
constexpr std::size_t kMaxFileBytes = tooling::kMaxBundleBytes + (64 << 10);

struct Read {
    std::uint64_t number = 0;  // how often the two were written
    KeptValue::Value value{};
};

std::string body_of(std::uint64_t number, const Revision& revision, const std::string& bytes) {
    runtime::ByteWriter out;
    out.put(kMagic);
    out.put(number);
    out.put(revision.number);
    out.put(revision.serial);
    out.put(revision.hash);
    out.put(bytes);
    return {reinterpret_cast<const char*>(out.bytes().data()), out.bytes().size()};
}

// Nothing where it is not whole: empty, cut, half of it from before.
std::optional<Read> read_one(int fd) {
    constexpr std::size_t kHash = 64;
    struct stat facts{};
    if (fstat(fd, &facts) != 0 || static_cast<std::size_t>(facts.st_size) <= kHash ||
        static_cast<std::size_t>(facts.st_size) > kMaxFileBytes)
        return std::nullopt;
    std::string whole(static_cast<std::size_t>(facts.st_size), '\0');
    for (std::size_t at = 0; at < whole.size();) {
        const ssize_t got = pread(fd, whole.data() + at, whole.size() - at, static_cast<off_t>(at));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return std::nullopt;
        at += static_cast<std::size_t>(got);
    }
    const std::string_view body = std::string_view(whole).substr(kHash);
    if (tooling::sha256(body) != std::string_view(whole).substr(0, kHash)) return std::nullopt;
    runtime::ByteReader in({reinterpret_cast<const std::uint8_t*>(body.data()), body.size()});
    Read read;
    if (in.get<std::uint64_t>() != kMagic) return std::nullopt;
    read.number = in.get<std::uint64_t>();
    read.value.revision.number = in.get<std::uint64_t>();
    read.value.revision.serial = in.get<std::uint64_t>();
    read.value.revision.hash = in.text();
    read.value.bytes = in.text();
    return in.good() ? std::optional<Read>(std::move(read)) : std::nullopt;
}

Status write_one(int fd, const std::string& body) {
    const std::string whole = tooling::sha256(body) + body;
    const Error failed{"the value that is in force could not be kept", {}, EIO};
    for (std::size_t at = 0; at < whole.size();) {
        const ssize_t written = pwrite(fd, whole.data() + at, whole.size() - at, static_cast<off_t>(at));
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return runtime::kernel_error(errno, failed.message);
        at += static_cast<std::size_t>(written);
    }
    if (ftruncate(fd, static_cast<off_t>(whole.size())) != 0 || fsync(fd) != 0)
        return runtime::kernel_error(errno, failed.message);
    return Done{};
}

}  // namespace

Result<KeptValue> KeptValue::open(const std::string& folder) {
    std::error_code failed;
    std::filesystem::create_directories(folder, failed);
    if (failed) return runtime::kernel_error(failed.value(), "making " + folder);
    Files files;
    for (std::size_t i = 0; i < files.size(); ++i) {
        const std::string path = fmt::format("{}/value.{}", folder, i);
        files[i] = runtime::UniqueFd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
        if (!files[i]) return runtime::kernel_error(errno, "opening " + path);
    }
    return KeptValue(std::move(files));
}

std::optional<KeptValue::Value> KeptValue::read() const {
    auto first = read_one(files_[0].get()), second = read_one(files_[1].get());
    if (!first || (second && second->number > first->number)) first = std::move(second);
    return first ? std::optional<Value>(std::move(first->value)) : std::nullopt;
}

Status KeptValue::write(const Revision& revision, const std::string& bytes) {
    const auto first = read_one(files_[0].get()), second = read_one(files_[1].get());
    const std::uint64_t newest = std::max(first ? first->number : 0, second ? second->number : 0);
    const bool is_first_newer = first && first->number == newest;
    return write_one(files_[is_first_newer ? 1 : 0].get(), body_of(newest + 1, revision, bytes));
}

}  // namespace weir::service
