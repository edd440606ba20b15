// Tested by tests/kernel/frames_test.cpp with `frames_to_take`.
#include "runtime/engine/frames.h"

#include <linux/bpf.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include <cerrno>
#include <cstdio>
#include <tuple>

#include <fmt/format.h>

#include "runtime/handles.h"

namespace weir::runtime {
namespace {

constexpr KernelRelease kFirst{5, 18};
constexpr std::uint32_t kTakesSeveralBuffers = 1u << 5;  // BPF_F_XDP_HAS_FRAGS

}  // namespace

std::optional<KernelRelease> kernel_release(const std::string& text) {
    KernelRelease release;
    if (std::sscanf(text.c_str(), "%u.%u", &release.major, &release.minor) != 2) return std::nullopt;
    return release;
}

std::optional<FrameMtu> mtu_of_several_buffers(const std::string& interface, AttachMode mode) {
    const UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq asked{};
    if (mode == AttachMode::kGeneric || !fd || interface.size() >= sizeof(asked.ifr_name)) return std::nullopt;
    interface.copy(asked.ifr_name, sizeof(asked.ifr_name) - 1);
    if (ioctl(fd.get(), SIOCGIFHWADDR, &asked) != 0 || asked.ifr_hwaddr.sa_family == ARPHRD_LOOPBACK)
        return std::nullopt;
    if (ioctl(fd.get(), SIOCGIFMTU, &asked) != 0 || asked.ifr_mtu <= static_cast<int>(kOneBufferMtu))
        return std::nullopt;
    return FrameMtu{interface, static_cast<unsigned>(asked.ifr_mtu)};
}

std::optional<FrameMtu> largest_of_several_buffers(const std::vector<std::string>& interfaces, AttachMode mode) {
    std::optional<FrameMtu> largest;
    for (const std::string& interface : interfaces)
        if (auto one = mtu_of_several_buffers(interface, mode); one && (!largest || one->mtu > largest->mtu))
            largest = std::move(one);
    return largest;
}

Result<FrameBuffers> frames_to_take(const std::optional<FrameMtu>& largest, const std::string& kernel) {
    if (!largest) return FrameBuffers::kOne;
    const auto release = kernel_release(kernel);
    if (release && std::tie(release->major, release->minor) < std::tie(kFirst.major, kFirst.minor))
        return Error{fmt::format("{} has an MTU of {}: its frames come in several buffers, and this kernel ({}) has "
                                 "no programs that take those; kernels from {}.{} on have",
                                 largest->interface, largest->mtu, kernel, kFirst.major, kFirst.minor),
                     fmt::format("ip link set dev {} mtu {}, or --mode generic, which is slower", largest->interface,
                                 kOneBufferMtu),
                     ENOTSUP};
    return FrameBuffers::kSeveral;
}

Result<FrameBuffers> frames_to_take(const std::optional<FrameMtu>& largest) {
    utsname machine{};
    return frames_to_take(largest, uname(&machine) == 0 ? machine.release : "");
}

std::string too_large(const FrameMtu& one) {
    return fmt::format(
        "{}: its MTU is {}, and the programs of this engine take frames of one buffer (up to {}) in "
        "native mode; stop it and start it again to change that",
        one.interface, one.mtu, kOneBufferMtu);
}

void take_frames(bpf_program* program, FrameBuffers frames) {
    if (program != nullptr && frames == FrameBuffers::kSeveral)
        bpf_program__set_flags(program, bpf_program__flags(program) | kTakesSeveralBuffers);
}

}  // namespace weir::runtime
