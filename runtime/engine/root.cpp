// Tested by tests/kernel/confirm_test.cpp with `confirm`.
#include "runtime/engine/root.h"

#include <bpf/bpf.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "runtime/kernel.h"

extern "C" const char weir_template_root_begin[];
extern "C" const char weir_template_root_end[];
extern "C" const char weir_template_root_egress_begin[];
extern "C" const char weir_template_root_egress_end[];

namespace weir::runtime {
namespace {

// Of the map that holds struct weir_root: the kernel maps whole pages.
constexpr std::size_t kWordBytes = sizeof(weir_root);

weir_root& shared(const UniqueMapping& word) { return *static_cast<weir_root*>(word.get()); }

}  // namespace

Result<Root> Root::load(FrameBuffers frames) {
    quiet_libbpf();
    LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "weir_root");
    ObjectPtr object(bpf_object__open_mem(
        weir_template_root_begin, static_cast<std::size_t>(weir_template_root_end - weir_template_root_begin), &opts));
    if (!object) return kernel_error(errno, "reading the root program");
    take_frames(bpf_object__find_program_by_name(object.get(), "weir_root_program"), frames);
    const weir_root begin{0, WEIR_ABI_VERSION, 0, static_cast<std::uint32_t>(frames), 0};
    if (bpf_map__set_initial_value(bpf_object__find_map_by_name(object.get(), ".data.weir_root"), &begin,
                                   sizeof(begin)) != 0)
        return kernel_error(errno, "setting up the active slot");
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
    const std::uint32_t id = runtime::program_id(program.get());
    return Root(Side{std::move(program), std::move(slots), id}, std::move(word), std::move(mapping));
}

Status Root::add_egress() {
    if (has_egress()) return Done{};
    LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "weir_root");
    ObjectPtr object(bpf_object__open_mem(
        weir_template_root_egress_begin,
        static_cast<std::size_t>(weir_template_root_egress_end - weir_template_root_egress_begin), &opts));
    if (!object) return kernel_error(errno, "reading the root program for packets on their way out");
    // Both programs have one word.
    if (bpf_map__reuse_fd(bpf_object__find_map_by_name(object.get(), ".data.weir_root"), word_map_.get()) != 0)
        return kernel_error(errno, "sharing the active slot");
    if (const int failed = bpf_object__load(object.get()); failed != 0)
        return kernel_error(failed, "loading the root program for packets on their way out into the kernel");
    Side side;
    side.program = duplicate(bpf_program__fd(bpf_object__find_program_by_name(object.get(), "weir_root_program")));
    side.slots = duplicate(bpf_object__find_map_fd_by_name(object.get(), "weir_slots"));
    if (!side.program || !side.slots) return kernel_error(errno, "keeping the root program");
    side.program_id = runtime::program_id(side.program.get());
    out_ = std::move(side);
    return Done{};
}

Result<Root> Root::adopt(const Pins& pins) {
    quiet_libbpf();
    auto root = create(pins.get("root"), pins.get("slots"), pins.get("word"));
    if (!root) return root.error();
    Side out{pins.get("egress-root"), pins.get("egress-slots"), 0};
    if (out.program && out.slots) {
        out.program_id = runtime::program_id(out.program.get());
        root->out_ = std::move(out);
    }
    for (std::uint32_t slot = 0; slot < WEIR_SLOTS; ++slot)
        if (root->program_in(slot) != 0) root->taken_ |= 1u << slot;
    root->last_ = root->in_force().slot();
    return root;
}

// The word last: it is looked for first, and then the others must be there.
Status Root::pin(Pins& pins) const {
    if (Status pinned = pins.keep("root", in_.program.get()); !pinned) return pinned;
    if (Status pinned = pins.keep("slots", in_.slots.get()); !pinned) return pinned;
    if (has_egress()) {
        if (Status pinned = pins.keep("egress-root", out_.program.get()); !pinned) return pinned;
        if (Status pinned = pins.keep("egress-slots", out_.slots.get()); !pinned) return pinned;
    }
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

std::uint32_t Root::program_in(std::uint32_t slot, bpf::Direction direction) const {
    std::uint32_t id = 0;
    return bpf_map_lookup_elem(slots_fd(direction), &slot, &id) == 0 ? id : 0;
}

std::optional<std::uint32_t> Root::slot_of(std::uint32_t program_id) const {
    for (std::uint32_t slot = 0; slot < WEIR_SLOTS; ++slot)
        if (program_id != 0 && program_in(slot) == program_id) return slot;
    return std::nullopt;
}

Status Root::restore(std::uint32_t slot, int program_fd, bpf::Direction direction) {
    const int slots = slots_fd(direction);
    const bool empties = program_fd < 0;
    if (empties ? bpf_map_delete_elem(slots, &slot) != 0 && errno != ENOENT
                : bpf_map_update_elem(slots, &slot, &program_fd, BPF_ANY) != 0)
        return kernel_error(errno, fmt::format("filling slot {}", slot));
    if (!empties) taken_ |= 1u << slot;
    return Done{};
}

void Root::restore_version() { std::atomic_ref(shared(word_).abi).store(WEIR_ABI_VERSION); }

FrameBuffers Root::frames() const {
    return std::atomic_ref(shared(word_).frames).load() == WEIR_FRAMES_OF_SEVERAL ? FrameBuffers::kSeveral
                                                                                  : FrameBuffers::kOne;
}

InForce Root::in_force() const { return {std::atomic_ref(shared(word_).active).load()}; }
std::uint64_t Root::deadline_ns() const { return std::atomic_ref(shared(word_).deadline_ns).load(); }
void Root::set_deadline(std::uint64_t ns) { std::atomic_ref(shared(word_).deadline_ns).store(ns); }

Result<std::uint32_t> Root::place(int program_fd, int egress_fd) {
    // In turn: a slot that was just emptied is the last to be used again.
    std::uint32_t slot = last_;
    do slot = (slot + 1) % WEIR_SLOTS;
    while (slot != last_ && (taken_ & 1u << slot) != 0);
    if ((taken_ & 1u << slot) != 0)
        return Error{"the engine holds too many policies", "this is a bug of weir: please report it", EBUSY};
    if (has_egress())
        if (Status placed = restore(slot, egress_fd, bpf::Direction::kOut); !placed) return placed.error();
    if (bpf_map_update_elem(in_.slots.get(), &slot, &program_fd, BPF_ANY) != 0) {
        const Error error = kernel_error(errno, "placing the policy beside the one in force");
        clear(slot);
        return error;
    }
    taken_ |= 1u << slot;
    last_ = slot;
    return slot;
}

void Root::store(InForce next) { std::atomic_ref(shared(word_).active).store(next.word); }

bool Root::replace(InForce expected, InForce next) {
    return std::atomic_ref(shared(word_).active).compare_exchange_strong(expected.word, next.word);
}

void Root::clear(std::uint32_t slot) {
    // Fails where it is empty already.
    bpf_map_delete_elem(in_.slots.get(), &slot);
    if (has_egress()) bpf_map_delete_elem(out_.slots.get(), &slot);
    taken_ &= ~(1u << slot);
}

}  // namespace weir::runtime
