// Runs a loaded policy on many frames, one after the other, and says what one took. Needs root.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/handles.h"

namespace weir::bench {

constexpr std::size_t kFramesBytes = std::size_t{1} << 25;  // of all frames: as frame_driver.bpf.c has them

class FrameDriver {
public:
    FrameDriver();
    // kFramesBytes of frames, each of `bytes` bytes: 128 or 512.
    void set_frames(std::size_t bytes, const std::vector<std::uint8_t>& frames);
    // Nanoseconds a packet, the driver's own among them.
    double ns(int program_fd);

private:
    void update(const char* map, const void* value);

    runtime::ObjectPtr object_;
    std::size_t bytes_ = 0;
};

}  // namespace weir::bench
