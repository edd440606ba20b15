// Frames that come in several buffers: those of interfaces with a large MTU (jumbo frames), in native mode. A program
// has to say that it takes them; it reads the first buffer only. All programs of an engine have to agree, so it is
// decided when an engine starts, by the largest MTU of its interfaces.
#pragma once

#include <bpf/libbpf.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bpf/abi.h"
#include "grammar/base/result.h"
#include "runtime/status.h"

namespace weir::runtime {

enum class FrameBuffers : std::uint32_t {
    kOne = WEIR_FRAMES_OF_ONE_BUFFER,
    kSeveral = WEIR_FRAMES_OF_SEVERAL,
};

// Up to this MTU each driver has room for a frame in one buffer: from 3,046 bytes (Intel) to 3,506 (veth, virtio).
inline constexpr unsigned kOneBufferMtu = 3000;

// "6.1.0-13-amd64" as major and minor. Nothing where it is no kernel's.
struct KernelRelease {
    unsigned major = 0, minor = 0;
};
std::optional<KernelRelease> kernel_release(const std::string& text);

struct FrameMtu {
    std::string interface;
    unsigned mtu = 0;
};
// The one whose frames need several buffers in native mode; nothing where there is none, or the mode is generic, in
// which the kernel makes one buffer of a frame. Interfaces that are not there do not count, and loopback has no native
// mode.
std::optional<FrameMtu> largest_of_several_buffers(const std::vector<std::string>& interfaces, AttachMode mode);
// That of one interface, likewise.
std::optional<FrameMtu> mtu_of_several_buffers(const std::string& interface, AttachMode mode);

// What the programs of an engine have to take. An error where the kernel has no such programs.
Result<FrameBuffers> frames_to_take(const std::optional<FrameMtu>& largest, const std::string& kernel);
// Of this machine's kernel.
Result<FrameBuffers> frames_to_take(const std::optional<FrameMtu>& largest);

// One sentence of an engine whose programs take frames of one buffer.
std::string too_large(const FrameMtu& one);

// Before the program is loaded.
void take_frames(bpf_program* program, FrameBuffers frames);

}  // namespace weir::runtime
