#include "runtime/engine/attachment.h"

#include <bpf/bpf.h>
#include <linux/if_link.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "bpf/abi.h"
#include "runtime/engine/xdp_owner.h"
#include "runtime/kernel.h"

extern "C" const char weir_template_root_begin[];
extern "C" const char weir_template_root_end[];

namespace weir::runtime {
namespace {

// Of the map that holds struct weir_root: the kernel maps whole pages.
constexpr std::size_t kWordBytes = sizeof(weir_root);

std::string link_pin(const std::string& interface) { return "link-" + interface; }
std::string offload_pin(const std::string& interface) { return "offload-" + interface; }

weir_root& shared(const UniqueMapping& word) { return *static_cast<weir_root*>(word.get()); }

}  // namespace

Result<Root> Root::load() {
    quiet_libbpf();
    LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "weir_root");
    ObjectPtr object(bpf_object__open_mem(
        weir_template_root_begin, static_cast<std::size_t>(weir_template_root_end - weir_template_root_begin), &opts));
    if (!object) return kernel_error(errno, "reading the root program");
    if (const int failed = bpf_object__load(object.get()); failed != 0)
        return kernel_error(failed, "loading the root program into the kernel");
    UniqueFd program = duplicate(bpf_program__fd(bpf_object__find_program_by_name(object.get(), "weir_root_program")));
    UniqueFd slots = duplicate(bpf_object__find_map_fd_by_name(object.get(), "weir_slots"));
    UniqueFd word = duplicate(bpf_object__find_map_fd_by_name(object.get(), ".data.weir_root"));
    return create(std::move(program), std::move(slots), std::move(word));
}

Result<Root> Root::create(UniqueFd program, UniqueFd slots, UniqueFd word) {
    UniqueMapping mapping(mmap(nullptr, kWordBytes, PROT_READ | PROT_WRITE, MAP_SHARED, word.get(), 0), kWordBytes);
    if (!program || !slots || !mapping) return kernel_error(errno, "sharing the active slot with the kernel");
    return Root(std::move(program), std::move(slots), std::move(word), std::move(mapping));
}

Result<Root> Root::adopt(const Pins& pins) {
    quiet_libbpf();
    auto root = create(pins.get("root"), pins.get("slots"), pins.get("word"));
    if (!root) return root.error();
    for (std::uint32_t slot = 0; slot < WEIR_SLOTS; ++slot) {
        std::uint32_t id = 0;
        if (bpf_map_lookup_elem(root->slots_.get(), &slot, &id) == 0) root->taken_ |= 1u << slot;
    }
    root->last_ = root->in_force().slot();
    return root;
}

// The word last: it is looked for first, and then the others must be there.
Status Root::pin(Pins& pins) const {
    if (Status pinned = pins.keep("root", program_.get()); !pinned) return pinned;
    if (Status pinned = pins.keep("slots", slots_.get()); !pinned) return pinned;
    return pins.keep("word", word_map_.get());
}

Result<std::uint32_t> Root::pinned_version(const Pins& pins) {
    const UniqueFd word = pins.get("word");
    bpf_map_info info{};
    __u32 length = sizeof(info);
    const std::uint32_t zero = 0;
    if (!word || bpf_obj_get_info_by_fd(word.get(), &info, &length) != 0 || info.type != BPF_MAP_TYPE_ARRAY ||
        info.value_size < offsetof(weir_root, abi) + sizeof(std::uint32_t) ||
        std::string_view(info.name).find("weir") == std::string_view::npos)
        return Error{fmt::format("{}/word is not an engine's", pins.folder()), {}, EEXIST};
    std::vector<std::uint8_t> value(info.value_size);
    if (bpf_map_lookup_elem(word.get(), &zero, value.data()) != 0)
        return kernel_error(errno, "reading " + pins.folder());
    std::uint32_t version = 0;
    std::memcpy(&version, value.data() + offsetof(weir_root, abi), sizeof(version));
    return version;
}

std::optional<std::uint32_t> Root::slot_of(std::uint32_t program_id) const {
    for (std::uint32_t slot = 0; slot < WEIR_SLOTS; ++slot) {
        std::uint32_t id = 0;
        if (bpf_map_lookup_elem(slots_.get(), &slot, &id) == 0 && id == program_id) return slot;
    }
    return std::nullopt;
}

InForce Root::in_force() const { return {std::atomic_ref(shared(word_).active).load()}; }
std::uint64_t Root::deadline_ns() const { return std::atomic_ref(shared(word_).deadline_ns).load(); }
void Root::set_deadline(std::uint64_t ns) { std::atomic_ref(shared(word_).deadline_ns).store(ns); }

Result<std::uint32_t> Root::place(int program_fd) {
    // In turn: a slot that was just emptied is the last to be used again.
    std::uint32_t slot = last_;
    do slot = (slot + 1) % WEIR_SLOTS;
    while (slot != last_ && (taken_ & 1u << slot) != 0);
    if ((taken_ & 1u << slot) != 0)
        return Error{"the engine holds too many policies", "this is a bug of weir: please report it", EBUSY};
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
    bpf_map_delete_elem(slots_.get(), &slot);  // fails where it is empty already
    taken_ &= ~(1u << slot);
}

Result<Attachment> Attachment::attach(const Root& root, const std::string& interface, AttachMode mode, VlanTags tags,
                                      Pins* pins, const Notice& notice) {
    auto index = interface_index(interface);
    if (!index) return index.error();
    Attachment attachment;
    attachment.interface_ = interface;
    attachment.index_ = *index;
    attachment.pins_ = pins;
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
            notice(fmt::format("{}: native XDP is not possible ({}), attached in generic mode, which is slower",
                               interface, std::strerror(native)));
    }
    if (failed == 0) {
        // Killed right here, the link goes with the process: the interface is as it was.
        if (pins != nullptr)
            if (Status pinned = pins->keep(link_pin(interface), attachment.link_.get()); !pinned) return pinned.error();
        return attachment;
    }
    if (failed == EBUSY || failed == EEXIST) return interface_taken(interface, *index);
    Error error = kernel_error(failed, fmt::format("attaching to {} in {} mode", interface,
                                                   attachment.mode_ == AttachMode::kGeneric ? "generic" : "native"));
    if (mode == AttachMode::kNative && error.help.empty())
        error.help = "its driver may know generic mode only: --mode auto";
    return error;
}

std::optional<Attachment> Attachment::adopt(const Root& root, const std::string& interface, unsigned index,
                                            Pins& pins) {
    Attachment attachment;
    attachment.link_ = pins.get(link_pin(interface));
    bpf_link_info link{};
    bpf_prog_info program{};
    __u32 length = sizeof(link);
    if (!attachment.link_ || bpf_obj_get_info_by_fd(attachment.link_.get(), &link, &length) != 0) return std::nullopt;
    length = sizeof(program);
    if (bpf_obj_get_info_by_fd(root.program_fd(), &program, &length) != 0) return std::nullopt;
    // A link whose interface has gone has number 0.
    if (link.type != BPF_LINK_TYPE_XDP || link.prog_id != program.id || link.xdp.ifindex != index) return std::nullopt;
    LIBBPF_OPTS(bpf_xdp_query_opts, query);
    if (bpf_xdp_query(static_cast<int>(index), 0, &query) != 0) return std::nullopt;
    attachment.mode_ = query.attach_mode == XDP_ATTACHED_SKB ? AttachMode::kGeneric : AttachMode::kNative;
    attachment.interface_ = interface;
    attachment.index_ = index;
    attachment.adopted_ = true;
    attachment.pins_ = &pins;
    if (pins.get(offload_pin(interface))) attachment.offload_of_ = std::make_unique<std::string>(interface);
    return attachment;
}

bool Attachment::is_alive() const {
    bpf_link_info info{};
    __u32 length = sizeof(info);
    return bpf_obj_get_info_by_fd(link_.get(), &info, &length) == 0 && info.xdp.ifindex != 0;
}

void Attachment::leave() {
    if (!adopted_) return;
    pins_ = nullptr;
    offload_of_.reset();
}

Attachment::Attachment(Attachment&& other) noexcept
    : interface_(std::move(other.interface_)),
      index_(other.index_),
      mode_(other.mode_),
      offload_of_(std::move(other.offload_of_)),
      adopted_(other.adopted_),
      pins_(std::exchange(other.pins_, nullptr)),
      link_(std::move(other.link_)) {}

Attachment::~Attachment() {
    if (pins_ != nullptr && link_) pins_->drop(link_pin(interface_));
    link_ = UniqueFd();
    hide_vlan_tags();
}

Result<bool> Attachment::show_vlan_tags(const Notice& notice) {
    auto was_on = disable_vlan_offload(interface_);
    if (!was_on) {
        if (was_on.error().number == EOPNOTSUPP) return false;  // no offload, so the tags are in the frame
        return was_on.error();
    }
    if (!*was_on) return false;
    offload_of_ = std::make_unique<std::string>(interface_);
    // A mark for the engine after this one; what it is does not matter.
    if (pins_ != nullptr) static_cast<void>(pins_->keep(offload_pin(interface_), pins_->get("word").get()));
    if (notice)
        notice(fmt::format("{}: rx VLAN offload is off while the policy is attached, because it reads `vlan`",
                           interface_));
    return true;
}

void Attachment::hide_vlan_tags() {
    if (!offload_of_) return;
    // This fails where the interface is gone: then there is nothing to restore.
    static_cast<void>(enable_vlan_offload(*offload_of_));
    if (pins_ != nullptr) pins_->drop(offload_pin(interface_));
    offload_of_.reset();
}

}  // namespace weir::runtime
