// Tells a worker, and what it waits in, that the engine ends.
#pragma once

#include <sys/eventfd.h>

#include <atomic>
#include <cstdint>

#include "runtime/handles.h"

namespace weir::runtime {

class EndSignal {
public:
    EndSignal() : event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
    bool is_set() const { return is_set_.load(std::memory_order_acquire); }
    int fd() const { return event_.get(); }  // readable from set() on
    void set() {
        is_set_.store(true, std::memory_order_release);
        eventfd_write(event_.get(), 1);
    }

private:
    std::atomic<bool> is_set_ = false;
    UniqueFd event_;
};

}  // namespace weir::runtime
