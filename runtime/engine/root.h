// The root programs: they stay attached and hand each packet to the policy in the active slot.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "bpf/abi.h"
#include "compiler/object.h"
#include "grammar/base/result.h"
#include "runtime/engine/frames.h"
#include "runtime/engine/pins.h"
#include "runtime/handles.h"

namespace weir::runtime {

// What the root does with the next packet: struct weir_root.active.
struct InForce {
    std::uint32_t word = 0;
    static InForce permanent(std::uint32_t slot) { return {slot}; }
    static InForce until_deadline(std::uint32_t slot, std::uint32_t fallback) {
        return {slot | WEIR_UNCONFIRMED | fallback << WEIR_FALLBACK_SHIFT};
    }
    std::uint32_t slot() const { return word & WEIR_ROOT_SLOT_MASK; }
    bool is_unconfirmed() const { return (word & WEIR_UNCONFIRMED) != 0; }
    std::uint32_t fallback() const { return word >> WEIR_FALLBACK_SHIFT & WEIR_ROOT_SLOT_MASK; }
    friend bool operator==(const InForce&, const InForce&) = default;
};

// The root programs and their slots: one of each an engine, shared by its interfaces. The one for packets on their way
// out is there from the first policy on that judges them; it reads the same word, and a slot of its own that is empty
// passes.
class Root {
public:
    static Result<Root> load(FrameBuffers frames = FrameBuffers::kOne);
    // The one for packets on their way out; nothing happens where it is there.
    Status add_egress();
    bool has_egress() const { return static_cast<bool>(out_.program); }

    // That of an engine that is gone.
    static Result<Root> adopt(const Pins& pins);
    Status pin(Pins& pins) const;
    // WEIR_ABI_VERSION of the weir that pinned it; an error where it was no weir.
    static Result<std::uint32_t> pinned_version(const Pins& pins);

    int program_fd(bpf::Direction direction = bpf::Direction::kIn) const { return side(direction).program.get(); }
    int slots_fd(bpf::Direction direction = bpf::Direction::kIn) const { return side(direction).slots.get(); }
    int word_fd() const { return word_map_.get(); }
    // The kernel's number.
    std::uint32_t program_id(bpf::Direction direction = bpf::Direction::kIn) const {
        return side(direction).program_id;
    }
    // What all programs in its slots have to take, too.
    FrameBuffers frames() const;
    // Puts a policy's programs beside those in force; `egress_fd` -1: it has none for packets on their way out. Returns
    // their slot, which is the same in both directions.
    Result<std::uint32_t> place(int program_fd, int egress_fd = -1);
    // Empties a slot. Not before the last packet has left its programs.
    void clear(std::uint32_t slot);

    // The kernel's number of the program in a slot; 0: it is empty.
    std::uint32_t program_in(std::uint32_t slot, bpf::Direction direction = bpf::Direction::kIn) const;
    // Puts a program back into the slot that place() gave it; -1 empties it.
    Status restore(std::uint32_t slot, int program_fd, bpf::Direction direction = bpf::Direction::kIn);
    // The version in the word as this engine stored it.
    void restore_version();

    // Where the program of that number is.
    std::optional<std::uint32_t> slot_of(std::uint32_t program_id) const;

    InForce in_force() const;
    // Whatever is in force. Not where the kernel may go back just then: see replace().
    void store(InForce next);
    // Puts a policy in force on all interfaces at once: one store. False where something else than `expected` is: then
    // the kernel went back to the policy before, and nothing happened.
    bool replace(InForce expected, InForce next);
    // When a policy that is unconfirmed is over: CLOCK_MONOTONIC, ns. Set before replace().
    void set_deadline(std::uint64_t ns);
    std::uint64_t deadline_ns() const;

private:
    struct Side {
        UniqueFd program, slots;
        std::uint32_t program_id = 0;
    };

    static Result<Root> create(UniqueFd program, UniqueFd slots, UniqueFd word);
    Root(Side in, UniqueFd word_map, UniqueMapping word)
        : in_(std::move(in)), word_map_(std::move(word_map)), word_(std::move(word)) {}
    const Side& side(bpf::Direction direction) const { return direction == bpf::Direction::kOut ? out_ : in_; }

    Side in_, out_{};
    UniqueFd word_map_;
    UniqueMapping word_;       // struct weir_root, as the kernel sees it
    std::uint32_t taken_ = 0;  // slots in use, a bit each
    std::uint32_t last_ = 0;   // the slot given out last
};

}  // namespace weir::runtime
