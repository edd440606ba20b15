// A root program on one hook of one interface.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "grammar/base/result.h"
#include "runtime/engine/hook.h"
#include "runtime/engine/pins.h"
#include "runtime/engine/root.h"
#include "runtime/handles.h"
#include "runtime/status.h"

namespace weir::runtime {

using Notice = std::function<void(const std::string&)>;

// kOff: the device must leave VLAN tags in the frame, where programs can read them.
enum class VlanOffload : std::uint8_t { kUnchanged, kOff };

// Detaches when it is destroyed.
class Attachment {
public:
    // What the kernel has of its link.
    struct Link {
        unsigned index = 0;  // the interface; 0: detached, or the interface was deleted
        std::uint32_t program = 0;
    };

    // kAuto: native, else generic, and `notice` says so. The error of an interface that is taken says by whom.
    // `pins`, where pin() pins it, must outlive this; null: nowhere.
    static Result<Attachment> attach(const Hook& hook, const Root& root, const std::string& interface, AttachMode mode,
                                     VlanOffload offload, Pins* pins, const Notice& notice);
    // The one that the previous engine pinned; nothing where the link of that name is not on interface `index`. It
    // gets the root program where it has another.
    static std::optional<Attachment> adopt(const Hook& hook, const Root& root, const std::string& interface,
                                           unsigned index, Pins& pins);
    Attachment(Attachment&& other) noexcept;
    Attachment& operator=(Attachment&& other) = delete;
    ~Attachment();

    // An error says that the kernel could not be asked, not that anything is wrong.
    Result<Link> link() const;
    // Puts the root program back into the link.
    Status restore(const Root& root);
    // Pins the link, so that it stays attached where this process is killed. Killed before, the interface is as it was.
    Status pin() const;
    // What must be pinned of it, and under which names.
    std::vector<std::pair<std::string, int>> pins() const;
    // Another attachment has taken the pin's name: when this is destroyed, the pin stays.
    void release_pin() { pins_ = nullptr; }
    // An adopted attachment stays attached and pinned when this is destroyed, and the offload as it is. One that
    // attach() made is unaffected.
    void leave_attached();

    unsigned index() const { return index_; }
    AttachMode mode() const { return mode_; }  // kNative or kGeneric

    // Turns rx VLAN offload off; where it was on, it is on again once this is destroyed. Returns whether this call
    // changed it.
    Result<bool> disable_offload(const Notice& notice);
    void restore_offload();
    // Why one packet may stand for several of the wire, in generic mode; empty: none does.
    const std::string& may_be_merged() const { return may_be_merged_; }

private:
    Attachment(const Hook& hook, std::string interface, unsigned index, Pins* pins)
        : hook_(&hook), interface_(std::move(interface)), index_(index), pins_(pins) {}
    std::string link_pin() const;
    std::string offload_pin() const;
    std::string merging_pin() const;
    // Turns the device's GRO off in generic mode; where it was on, it is on again once this is destroyed.
    void disable_merging(const Notice& notice);
    void restore_merging();

    const Hook* hook_;
    std::string interface_;  // as it was called when this attached
    unsigned index_;
    AttachMode mode_ = AttachMode::kNative;
    bool offload_was_on_ = false;
    bool merging_was_on_ = false;
    std::string may_be_merged_{};
    bool adopted_ = false;
    Pins* pins_;  // null: not pinned
    UniqueFd link_;
};

}  // namespace weir::runtime
