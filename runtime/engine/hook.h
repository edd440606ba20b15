// Where on an interface a program gets its packets, and how it is attached there: one row a hook.
#pragma once

#include <bpf/libbpf.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "grammar/base/result.h"
#include "runtime/status.h"

namespace weir::runtime {

// What is attached to a hook of one interface.
struct OnHook {
    std::vector<std::uint32_t> programs;  // the kernel's numbers, in the order in which they run
    AttachMode mode = AttachMode::kNative;
};

struct Hook {
    struct Mode {
        AttachMode mode;
        std::uint32_t link_flags;  // of bpf_link_create()
        const char* name;          // "native"
    };
    const char* name;          // "XDP"
    bpf::Direction direction;  // of the packets that it sees; there is a root program for each
    bpf_attach_type attach_type;
    bpf_link_type link_type;
    std::span<const Mode> modes;  // in the order in which `auto` tries them
    // Number of the interface that a link is attached to; 0: the kernel has detached it.
    unsigned (*link_interface)(const bpf_link_info& link);
    // An error ENODEV where there is no such interface; other errors say nothing about what is attached.
    Result<OnHook> (*query)(unsigned index);
    const char* detach_command;  // for a program that no link holds; {} is the interface
    const char* pin_prefix;      // a pinned link is this and the interface's name
};

// What each packet that comes in meets first.
extern const Hook kXdpHook;
// What the host sends or forwards, just before the interface's queue: TCX, which kernels from 6.6 on have. Not what
// XDP_TX, AF_XDP and sockets that bypass the queueing discipline send.
extern const Hook kEgressHook;
// An error ENOTSUP, with a sentence, where this kernel lacks it.
Status check_egress_hook(unsigned index);

// The row's mode for a wanted one: kAuto is its first.
const Hook::Mode& hook_mode(const Hook& hook, AttachMode mode);

}  // namespace weir::runtime
