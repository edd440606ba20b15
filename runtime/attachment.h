// What is attached to interfaces: the root program, which hands each packet to the policy in the active slot.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/handles.h"
#include "runtime/result.h"
#include "runtime/status.h"

namespace weir::runtime {

using Notice = std::function<void(const std::string&)>;

// The root program and its slots: one an engine, shared by its interfaces.
class Root {
public:
    static Result<Root> load();

    int program_fd() const { return program_fd_; }
    // Puts a policy's program beside the one in force. Returns its slot.
    Result<std::uint32_t> place(int program_fd);
    // Puts the policy in `slot` in force, on all interfaces at once: one store.
    void commit(std::uint32_t slot);
    // Empties a slot. Not before the last packet has left its program.
    void clear(std::uint32_t slot);
    std::uint32_t active() const;

private:
    Root(ObjectPtr object, int program_fd, int slots_fd, UniqueMapping word)
        : object_(std::move(object)), program_fd_(program_fd), slots_fd_(slots_fd), word_(std::move(word)) {}

    ObjectPtr object_;
    int program_fd_ = -1;
    int slots_fd_ = -1;
    UniqueMapping word_;                  // struct weir_root, as the kernel sees it
};

// Whether the device may take VLAN tags off before the program sees the frame.
enum class VlanTags : std::uint8_t { kAsTheyAre, kShown };

// The root program on one interface, until this is destroyed.
class Attachment {
public:
    // kAuto: native, else generic, and `notice` says so. The error of an interface that is taken says by whom.
    static Result<Attachment> attach(const Root& root, const std::string& interface, AttachMode mode, VlanTags tags,
                                     const Notice& notice);
    Attachment(Attachment&&) = default;
    Attachment& operator=(Attachment&&) = default;
    ~Attachment();

    const std::string& interface() const { return interface_; }
    unsigned index() const { return index_; }
    AttachMode mode() const { return mode_; }     // kNative or kGeneric

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
    std::unique_ptr<std::string> offload_of_;     // the interface whose offload is to be restored
    UniqueFd link_;
};

}  // namespace weir::runtime
