// Tested by tests/unit/runtime/object_image_test.cpp.
#include "runtime/object_image.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <span>

#include "compiler/object_bytes.h"
#include "runtime/kernel.h"

namespace weir::runtime {
namespace {

constexpr std::size_t kMaxNameBytes = 60 << 20;
constexpr int kSeals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;

Error unreadable() { return {"a compiled policy cannot be read: it is of another version, or damaged", {}, EBADMSG}; }

struct Mapped {
    UniqueMapping memory;
    std::span<const std::uint8_t> bytes;
};

// Sealed, so that its end stays where it is.
Result<Mapped> map(int fd, std::uint64_t begin, std::uint64_t bytes) {
    const std::size_t all = begin + bytes;
    Mapped mapped{UniqueMapping(mmap(nullptr, all, PROT_READ, MAP_PRIVATE, fd, 0), all), {}};
    if (!mapped.memory) return kernel_error(errno, "reading a compiled policy");
    mapped.bytes = {static_cast<const std::uint8_t*>(mapped.memory.get()) + begin, bytes};
    return mapped;
}

}  // namespace

Result<UniqueFd> make_memory_file(const char* name) {
    UniqueFd memory(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!memory) return kernel_error(errno, "making a file in memory");
    return memory;
}

Result<ObjectImage> ObjectImage::make(const bpf::Object& object) {
    auto memory = make_memory_file("weir-policy");
    if (!memory) return memory.error();
    const std::vector<std::uint8_t> bytes = bpf::to_bytes(object);
    for (std::size_t at = 0; at < bytes.size();) {
        const ssize_t written = write(memory->get(), bytes.data() + at, bytes.size() - at);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return kernel_error(errno, "writing a compiled policy");
        at += static_cast<std::size_t>(written);
    }
    return adopt(std::move(*memory), 0, bytes.size());
}

Result<ObjectImage> ObjectImage::adopt(UniqueFd memory, std::uint64_t begin, std::uint64_t bytes) {
    // EBUSY: somebody has it mapped, and could write to it still.
    if (fcntl(memory.get(), F_ADD_SEALS, kSeals) != 0 && fcntl(memory.get(), F_GET_SEALS) != kSeals)
        return kernel_error(errno, "sealing a compiled policy");
    struct stat facts{};
    if (fstat(memory.get(), &facts) != 0) return kernel_error(errno, "reading a compiled policy");
    const auto size = static_cast<std::uint64_t>(facts.st_size);
    if (bytes == 0 || begin > size || bytes > size - begin) return unreadable();
    return ObjectImage(std::move(memory), begin, bytes);
}

Result<ObjectImage> ObjectImage::duplicate() const {
    UniqueFd memory = runtime::duplicate(memory_.get());
    if (!memory) return kernel_error(errno, "keeping a compiled policy");
    return ObjectImage(std::move(memory), begin_, bytes_);
}

Result<bpf::Object> ObjectImage::read() const {
    const auto mapped = map(memory_.get(), begin_, bytes_);
    if (!mapped) return mapped.error();
    auto object = bpf::from_bytes((*mapped).bytes);
    if (!object) return unreadable();
    return std::move(*object);
}

Result<bpf::Object> ObjectImage::read_names() const {
    const auto mapped = map(memory_.get(), begin_, bytes_);
    if (!mapped) return mapped.error();
    auto object = bpf::names_from_bytes((*mapped).bytes, kMaxNameBytes);
    if (!object) return unreadable();
    return std::move(*object);
}

}  // namespace weir::runtime
