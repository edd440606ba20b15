// The root program: it stays attached and hands each packet to the policy in the active slot.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "bpf/abi.h"
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

// The root program and its slots: one an engine, shared by its interfaces.
class Root {
public:
    static Result<Root> load(FrameBuffers frames = FrameBuffers::kOne);

    // That of an engine that is gone.
    static Result<Root> adopt(const Pins& pins);
    Status pin(Pins& pins) const;
    // WEIR_ABI_VERSION of the weir that pinned it; an error where it was no weir.
    static Result<std::uint32_t> pinned_version(const Pins& pins);

    int program_fd() const { return program_.get(); }
    int slots_fd() const { return slots_.get(); }
    int word_fd() const { return word_map_.get(); }
    std::uint32_t program_id() const { return program_id_; }  // the kernel's number
    // What all programs in its slots have to take, too.
    FrameBuffers frames() const;
    // Puts a policy's program beside the one in force. Returns its slot.
    Result<std::uint32_t> place(int program_fd);
    // Empties a slot. Not before the last packet has left its program.
    void clear(std::uint32_t slot);

    // The kernel's number of the program in a slot; 0: it is empty.
    std::uint32_t program_in(std::uint32_t slot) const;
    // Puts a program back into the slot that place() gave it.
    Status restore(std::uint32_t slot, int program_fd);
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
    static Result<Root> create(UniqueFd program, UniqueFd slots, UniqueFd word);
    Root(UniqueFd program, UniqueFd slots, UniqueFd word_map, UniqueMapping word)
        : program_(std::move(program)),
          slots_(std::move(slots)),
          word_map_(std::move(word_map)),
          word_(std::move(word)) {}

    UniqueFd program_;
    std::uint32_t program_id_ = 0;
    UniqueFd slots_;
    UniqueFd word_map_;
    UniqueMapping word_;       // struct weir_root, as the kernel sees it
    std::uint32_t taken_ = 0;  // slots in use, a bit each
    std::uint32_t last_ = 0;   // the slot given out last
};

}  // namespace weir::runtime
