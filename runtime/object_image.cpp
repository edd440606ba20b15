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
#include "runtime/memory_file.h"

namespace weir::runtime {
namespace {

constexpr std::size_t kMaxNameBytes = 60 << 20;

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

Result<ObjectImage> ObjectImage::make(const bpf::Object& object) {
    const std::vector<std::uint8_t> bytes = bpf::to_bytes(object);
    auto memory = make_memory_file("weir-policy", {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    if (!memory) return memory.error();
    return adopt(std::move(*memory), 0, bytes.size());
}

Result<ObjectImage> ObjectImage::adopt(UniqueFd memory, std::uint64_t begin, std::uint64_t bytes) {
    if (Status sealed = seal(memory.get()); !sealed) return sealed.error();
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
