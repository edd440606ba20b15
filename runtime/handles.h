// Owners of what the kernel and libbpf hand out: the only place where their closing calls stand.
#pragma once

#include <bpf/libbpf.h>
#include <unistd.h>

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

private:
    int fd_ = -1;
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
