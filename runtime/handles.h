// Owners of what the kernel and libbpf hand out: the only place where their closing calls stand.
#pragma once

#include <bpf/libbpf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <memory>
#include <utility>

namespace weir::runtime {

class UniqueFd {
public:
    UniqueFd() = default;
    explicit UniqueFd(int fd) : fd_(fd) {}
    UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    UniqueFd& operator=(UniqueFd&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~UniqueFd() {
        if (fd_ >= 0) close(fd_);
    }
    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }
    // Whoever calls it closes it.
    int release() { return std::exchange(fd_, -1); }

private:
    int fd_ = -1;
};

// Another descriptor of the same thing; empty where that fails.
inline UniqueFd duplicate(int fd) { return UniqueFd(fcntl(fd, F_DUPFD_CLOEXEC, 0)); }

// A piece of memory that user space shares with the kernel.
class UniqueMapping {
public:
    UniqueMapping() = default;
    // `address` as mmap() gave it, MAP_FAILED too.
    UniqueMapping(void* address, std::size_t bytes)
        : address_(address == MAP_FAILED ? nullptr : address), bytes_(bytes) {}
    UniqueMapping(UniqueMapping&& other) noexcept
        : address_(std::exchange(other.address_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
    UniqueMapping& operator=(UniqueMapping&& other) noexcept {
        std::swap(address_, other.address_);
        std::swap(bytes_, other.bytes_);
        return *this;
    }
    ~UniqueMapping() {
        if (address_ != nullptr) munmap(address_, bytes_);
    }
    void* get() const { return address_; }
    explicit operator bool() const { return address_ != nullptr; }

private:
    void* address_ = nullptr;
    std::size_t bytes_ = 0;
};

template <auto Close>
struct Closer {
    template <typename T>
    void operator()(T* thing) const {
        Close(thing);
    }
};
using ObjectPtr = std::unique_ptr<bpf_object, Closer<bpf_object__close>>;
using RingPtr = std::unique_ptr<ring_buffer, Closer<ring_buffer__free>>;

}  // namespace weir::runtime
