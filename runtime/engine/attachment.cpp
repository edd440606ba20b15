// Tested by tests/kernel/attach_test.cpp with `Attach`.
#include "runtime/engine/attachment.h"

#include <bpf/bpf.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "runtime/engine/xdp_owner.h"
#include "runtime/kernel.h"

namespace weir::runtime {
namespace {

// Errors that another mode would not change. EBUSY: beside another link; EEXIST: beside a program in the other mode.
bool is_final(int failed) { return failed == EBUSY || failed == EEXIST || failed == EPERM || failed == ENODEV; }

Result<UniqueFd> create_link(const Hook& hook, int program_fd, unsigned index, const Hook::Mode& mode) {
    LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = mode.link_flags);
    UniqueFd link(bpf_link_create(program_fd, static_cast<int>(index), hook.attach_type, &opts));
    if (!link) return kernel_error(errno, "attaching");
    return link;
}

// The kernel attaches to devices without an Ethernet header too (tun, WireGuard, GRE); every field would be read from
// the wrong place there.
Status check_ethernet(const std::string& interface) {
    const UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    interface.copy(request.ifr_name, sizeof(request.ifr_name) - 1);
    if (!fd || ioctl(fd.get(), SIOCGIFHWADDR, &request) != 0)
        return kernel_error(errno, fmt::format("asking for the link type of {}", interface));
    const unsigned type = request.ifr_hwaddr.sa_family;
    if (type == ARPHRD_ETHER || type == ARPHRD_LOOPBACK) return Done{};
    return Error{
        fmt::format("packets of {} have no Ethernet header (link type {}): weir cannot judge them", interface, type),
        "attach to the interface that carries this one's packets; there weir sees the outer packets", EPROTOTYPE};
}

}  // namespace

std::string Attachment::link_pin() const { return hook_->pin_prefix + interface_; }
std::string Attachment::offload_pin() const { return "offload-" + interface_; }
std::string Attachment::merging_pin() const { return "merging-" + interface_; }

Result<Attachment> Attachment::attach(const Hook& hook, const Root& root, const std::string& interface,
                                      AttachMode wanted, VlanOffload offload, Pins* pins, const Notice& notice) {
    auto index = interface_index(interface);
    if (!index) return index.error();
    if (Status is_ethernet = check_ethernet(interface); !is_ethernet) return is_ethernet.error();
    Attachment attachment(hook, interface, *index, pins);
    if (offload == VlanOffload::kOff)
        if (auto disabled = attachment.disable_offload(notice); !disabled) return disabled.error();
    const Hook::Mode* mode = &hook_mode(hook, wanted);
    auto link = create_link(hook, root.program_fd(hook.direction), *index, *mode);
    if (!link && wanted == AttachMode::kAuto && !is_final(link.error().number))
        for (const Hook::Mode& other : hook.modes.subspan(1)) {
            const int failed = link.error().number;
            mode = &other;
            link = create_link(hook, root.program_fd(hook.direction), *index, other);
            if (link && notice)
                notice(fmt::format("{}: {} {} is not possible ({}), attached in {} mode, which is slower", interface,
                                   hook.modes.front().name, hook.name, std::strerror(failed), other.name));
            if (link || is_final(link.error().number)) break;
        }
    if (!link) {
        const int failed = link.error().number;
        if (failed == EBUSY || failed == EEXIST) return interface_taken(hook, interface, *index);
        Error error = kernel_error(failed, fmt::format("attaching to {} in {} mode", interface, mode->name));
        if (wanted == AttachMode::kNative && error.help.empty())
            error.help = "its driver may support generic mode only: --mode auto";
        return error;
    }
    attachment.link_ = std::move(*link);
    attachment.mode_ = mode->mode;
    attachment.disable_merging(notice);
    return attachment;
}

std::optional<Attachment> Attachment::adopt(const Hook& hook, const Root& root, const std::string& interface,
                                            unsigned index, Pins& pins) {
    Attachment attachment(hook, interface, index, nullptr);
    attachment.link_ = pins.get(attachment.link_pin());
    auto link = attachment.link();
    if (!link || link->index != index) return std::nullopt;
    // Another program: of an engine of another version, whose link this was, or somebody gave it to the link.
    if (link->program != root.program_id(hook.direction) && !attachment.restore(root)) return std::nullopt;
    auto on = hook.query(index);
    if (!on) return std::nullopt;
    attachment.mode_ = on->mode;
    attachment.adopted_ = true;
    attachment.pins_ = &pins;
    attachment.offload_was_on_ = static_cast<bool>(pins.get(attachment.offload_pin()));
    attachment.merging_was_on_ = static_cast<bool>(pins.get(attachment.merging_pin()));
    attachment.disable_merging({});
    return attachment;
}

Result<Attachment::Link> Attachment::link() const {
    bpf_link_info info{};
    __u32 length = sizeof(info);
    if (!link_ || bpf_obj_get_info_by_fd(link_.get(), &info, &length) != 0)
        return kernel_error(link_ ? errno : ENOENT, fmt::format("asking for the link of {}", interface_));
    if (info.type != hook_->link_type)
        return Error{fmt::format("the link of {} is of another kind", interface_), {}, EINVAL};
    return Link{hook_->link_interface(info), info.prog_id};
}

Status Attachment::restore(const Root& root) {
    if (bpf_link_update(link_.get(), root.program_fd(hook_->direction), nullptr) != 0)
        return kernel_error(errno, fmt::format("putting weir's program back on {}", interface_));
    return Done{};
}

Status Attachment::pin() const {
    if (pins_ == nullptr) return Done{};
    return pins_->keep(link_pin(), link_.get());
}

std::vector<std::pair<std::string, int>> Attachment::pins() const {
    std::vector<std::pair<std::string, int>> wanted = {{link_pin(), link_.get()}};
    // Marks: what is pinned does not matter.
    if (offload_was_on_) wanted.emplace_back(offload_pin(), link_.get());
    if (merging_was_on_) wanted.emplace_back(merging_pin(), link_.get());
    return wanted;
}

void Attachment::leave_attached() {
    if (!adopted_) return;
    pins_ = nullptr;
    offload_was_on_ = merging_was_on_ = false;
}

Attachment::Attachment(Attachment&& other) noexcept
    : hook_(other.hook_),
      interface_(std::move(other.interface_)),
      index_(other.index_),
      mode_(other.mode_),
      offload_was_on_(std::exchange(other.offload_was_on_, false)),
      merging_was_on_(std::exchange(other.merging_was_on_, false)),
      may_be_merged_(std::move(other.may_be_merged_)),
      adopted_(other.adopted_),
      pins_(std::exchange(other.pins_, nullptr)),
      link_(std::move(other.link_)) {}

Attachment::~Attachment() {
    if (pins_ != nullptr && link_) pins_->drop(link_pin());
    link_ = UniqueFd();
    restore_offload();
    restore_merging();
}

// In native mode the driver hands on what the wire brought.
void Attachment::disable_merging(const Notice& notice) {
    if (hook_->direction != bpf::Direction::kIn || mode_ != AttachMode::kGeneric) return;
    const Merging before = stop_merging(interface_);
    may_be_merged_ = before.reason;
    if (!before.was_on) return;
    merging_was_on_ = true;
    if (pins_ != nullptr) static_cast<void>(pins_->keep(merging_pin(), link_.get()));
    if (notice)
        notice(
            fmt::format("{}: GRO is off while the policy is attached in generic mode, where packets would be merged "
                        "before it counts them",
                        interface_));
}

void Attachment::restore_merging() {
    if (!merging_was_on_) return;
    merging_was_on_ = false;
    static_cast<void>(merge_again(interface_name(index_)));
    if (pins_ != nullptr) pins_->drop(merging_pin());
}

Result<bool> Attachment::disable_offload(const Notice& notice) {
    auto was_on = disable_vlan_offload(interface_);
    if (!was_on) {
        if (was_on.error().number == EOPNOTSUPP) return false;  // no offload, so the tags are in the frame
        return was_on.error();
    }
    if (!*was_on) return false;
    offload_was_on_ = true;
    // A mark for the next engine; what is pinned does not matter.
    if (pins_ != nullptr) static_cast<void>(pins_->keep(offload_pin(), pins_->get("word").get()));
    if (notice)
        notice(
            fmt::format("{}: rx VLAN offload is off while the policy is attached, because it reads "
                        "`vlan`, or sends packets with their tags",
                        interface_));
    return true;
}

void Attachment::restore_offload() {
    if (!offload_was_on_) return;
    offload_was_on_ = false;
    // Its name may be another's by now. This fails where the interface has been deleted: nothing is left to restore.
    static_cast<void>(enable_vlan_offload(interface_name(index_)));
    if (pins_ != nullptr) pins_->drop(offload_pin());
}

}  // namespace weir::runtime
