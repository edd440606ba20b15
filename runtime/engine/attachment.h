// What is attached to interfaces: the root program, which hands each packet to the policy in the active slot.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bpf/abi.h"
#include "grammar/base/result.h"
#include "runtime/engine/pins.h"
#include "runtime/handles.h"
#include "runtime/status.h"

namespace weir::runtime {

using Notice = std::function<void(const std::string&)>;

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
};

// The root program and its slots: one an engine, shared by its interfaces.
class Root {
public:
    static Result<Root> load();

    // That of an engine that is gone.
    static Result<Root> adopt(const Pins& pins);
    Status pin(Pins& pins) const;
    // WEIR_ABI_VERSION of the weir that pinned it; an error where it was no weir.
    static Result<std::uint32_t> pinned_version(const Pins& pins);

    int program_fd() const { return program_.get(); }
    // Puts a policy's program beside the one in force. Returns its slot.
    Result<std::uint32_t> place(int program_fd);
    // Empties a slot. Not before the last packet has left its program.
    void clear(std::uint32_t slot);

    // Where the program of that number is.
    std::optional<std::uint32_t> slot_of(std::uint32_t program_id) const;

    InForce in_force() const;
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
    UniqueFd slots_;
    UniqueFd word_map_;
    UniqueMapping word_;       // struct weir_root, as the kernel sees it
    std::uint32_t taken_ = 0;  // slots in use, a bit each
    std::uint32_t last_ = 0;   // the slot given out last
};

// Whether the device may take VLAN tags off before the program sees the frame.
enum class VlanTags : std::uint8_t { kAsTheyAre, kShown };

// The root program on one interface, until this is destroyed.
class Attachment {
public:
    // kAuto: native, else generic, and `notice` says so. The error of an interface that is taken says by whom.
    // With `pins`, it stays where this process is killed; they must outlive this.
    static Result<Attachment> attach(const Root& root, const std::string& interface, AttachMode mode, VlanTags tags,
                                     Pins* pins, const Notice& notice);
    // One that an engine that is gone left; nothing where there is none of that root on that interface.
    static std::optional<Attachment> adopt(const Root& root, const std::string& interface, unsigned index, Pins& pins);
    Attachment(Attachment&& other) noexcept;
    Attachment& operator=(Attachment&&) = delete;
    ~Attachment();

    // What is pinned stays, and the offload as it is, when this is destroyed. Not so one that is not pinned, or was not
    // adopted.
    void leave();

    // False once the interface is gone: the kernel has taken the program off.
    bool is_alive() const;

    const std::string& interface() const { return interface_; }
    unsigned index() const { return index_; }
    AttachMode mode() const { return mode_; }  // kNative or kGeneric

    // Turns rx VLAN offload off, so that policies see the tags; it is on again once this is destroyed, if it was.
    // Returns whether this call changed it.
    Result<bool> show_vlan_tags(const Notice& notice);
    // Undoes show_vlan_tags.
    void hide_vlan_tags();

private:
    Attachment() = default;

    std::string interface_;
    unsigned index_ = 0;
    AttachMode mode_ = AttachMode::kNative;
    std::unique_ptr<std::string> offload_of_;  // the interface whose offload is to be restored
    bool adopted_ = false;
    Pins* pins_ = nullptr;  // null: not pinned
    UniqueFd link_;
};

}  // namespace weir::runtime
