#include "runtime/attachment.h"

#include <bpf/bpf.h>
#include <linux/if_link.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "bpf/abi.h"
#include "runtime/kernel.h"
#include "runtime/xdp_owner.h"

extern "C" const char weir_template_root_begin[];
extern "C" const char weir_template_root_end[];

namespace weir::runtime {
namespace {

// Of the map that holds struct weir_root: the kernel maps whole pages.
constexpr std::size_t kWordBytes = sizeof(weir_root);

weir_root& shared(const UniqueMapping& word) { return *static_cast<weir_root*>(word.get()); }

}  // namespace

Result<Root> Root::load() {
    quiet_libbpf();
    LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "weir_root");
    ObjectPtr object(bpf_object__open_mem(weir_template_root_begin,
                                          static_cast<std::size_t>(weir_template_root_end - weir_template_root_begin), &opts));
    if (!object) return kernel_error(errno, "reading the root program");
    if (const int failed = bpf_object__load(object.get()); failed != 0)
        return kernel_error(failed, "loading the root program into the kernel");
    UniqueFd program = duplicate(bpf_program__fd(bpf_object__find_program_by_name(object.get(), "weir_root_program")));
    UniqueFd slots = duplicate(bpf_object__find_map_fd_by_name(object.get(), "weir_slots"));
    const int word = bpf_object__find_map_fd_by_name(object.get(), ".data.weir_root");
    UniqueMapping mapping(mmap(nullptr, kWordBytes, PROT_READ | PROT_WRITE, MAP_SHARED, word, 0), kWordBytes);
    if (!program || !slots || !mapping) return kernel_error(errno, "sharing the active slot with the kernel");
    return Root(std::move(program), std::move(slots), std::move(mapping));
}

InForce Root::in_force() const { return {std::atomic_ref(shared(word_).active).load()}; }
std::uint64_t Root::deadline_ns() const { return std::atomic_ref(shared(word_).deadline_ns).load(); }
void Root::set_deadline(std::uint64_t ns) { std::atomic_ref(shared(word_).deadline_ns).store(ns); }

Result<std::uint32_t> Root::place(int program_fd) {
    // In turn: a slot that was just emptied is the last to be used again.
    std::uint32_t slot = last_;
    do slot = (slot + 1) % WEIR_SLOTS;
    while (slot != last_ && (taken_ & 1u << slot) != 0);
    if ((taken_ & 1u << slot) != 0) return Error{"the engine holds too many policies", "this is a bug of weir: please report it", EBUSY};
    if (bpf_map_update_elem(slots_.get(), &slot, &program_fd, BPF_ANY) != 0)
        return kernel_error(errno, "placing the policy beside the one in force");
    taken_ |= 1u << slot;
    last_ = slot;
    return slot;
}

bool Root::replace(InForce expected, InForce next) {
    return std::atomic_ref(shared(word_).active).compare_exchange_strong(expected.word, next.word);
}

void Root::clear(std::uint32_t slot) {
    bpf_map_delete_elem(slots_.get(), &slot);   // fails where it is empty already
    taken_ &= ~(1u << slot);
}

Result<Attachment> Attachment::attach(const Root& root, const std::string& interface, AttachMode mode, VlanTags tags,
                                      const Notice& notice) {
    auto index = interface_index(interface);
    if (!index) return index.error();
    Attachment attachment;
    attachment.interface_ = interface;
    attachment.index_ = *index;
    if (tags == VlanTags::kShown)
        if (auto shown = attachment.show_vlan_tags(notice); !shown) return shown.error();
    const auto link = [&](AttachMode wanted) {
        LIBBPF_OPTS(bpf_link_create_opts, opts);
        opts.flags = wanted == AttachMode::kGeneric ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
        attachment.mode_ = wanted;
        attachment.link_ = UniqueFd(bpf_link_create(root.program_fd(), static_cast<int>(*index), BPF_XDP, &opts));
        return attachment.link_ ? 0 : errno;
    };
    // The kernel says EBUSY beside another link, EEXIST beside a program in the other mode.
    const auto is_final = [](int failed) {
        return failed == 0 || failed == EBUSY || failed == EEXIST || failed == EPERM || failed == ENODEV;
    };
    int failed = link(mode == AttachMode::kGeneric ? AttachMode::kGeneric : AttachMode::kNative);
    if (mode == AttachMode::kAuto && !is_final(failed)) {
        const int native = failed;
        failed = link(AttachMode::kGeneric);
        if (failed == 0 && notice)
            notice(fmt::format("{}: native XDP is not possible ({}), attached in generic mode, which is slower", interface,
                               std::strerror(native)));
    }
    if (failed == 0) return attachment;
    if (failed == EBUSY || failed == EEXIST) return interface_taken(interface, *index);
    Error error = kernel_error(failed, fmt::format("attaching to {} in {} mode", interface,
                                                   attachment.mode_ == AttachMode::kGeneric ? "generic" : "native"));
    if (mode == AttachMode::kNative && error.help.empty()) error.help = "its driver may know generic mode only: --mode auto";
    return error;
}

Attachment::~Attachment() {
    link_ = UniqueFd();
    hide_vlan_tags();
}

Result<bool> Attachment::show_vlan_tags(const Notice& notice) {
    auto was_on = disable_vlan_offload(interface_);
    if (!was_on) {
        if (was_on.error().number == EOPNOTSUPP) return false;   // no offload, so the tags are in the frame
        return was_on.error();
    }
    if (!*was_on) return false;
    offload_of_ = std::make_unique<std::string>(interface_);
    if (notice) notice(fmt::format("{}: rx VLAN offload is off while the policy is attached, because it reads `vlan`", interface_));
    return true;
}

void Attachment::hide_vlan_tags() {
    if (!offload_of_) return;
    // This fails where the interface is gone: then there is nothing to restore.
    static_cast<void>(enable_vlan_offload(*offload_of_));
    offload_of_.reset();
}

}  // namespace weir::runtime
