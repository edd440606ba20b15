// What of an engine outlives its process: pins in a folder of its own on a BPF file system. A pin holds its thing, and
// so a pinned link keeps its program attached, whoever ends.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/base/result.h"
#include "runtime/handles.h"

namespace weir::runtime {

inline constexpr const char* kPinRoot = "/sys/fs/bpf/weir";

class Pins {
public:
    // The folder of engine `name`, made where it is missing. It belongs to the caller as long as this lives: an error
    // EBUSY where another process, or another Pins, has it. Mounts a BPF file system where /sys/fs/bpf has none; the
    // error of one that cannot be mounted says how to.
    static Result<Pins> open(const std::string& name);
    // A second folder of that engine, while it takes the place of one of another version.
    static Result<Pins> open_beside(const std::string& name);
    static bool has_beside(const std::string& name);
    // Each gets the other's place, in one step.
    Status exchange(Pins& other);

    const std::string& folder() const { return folder_; }
    // Whether the path still leads to the folder: somebody may unmount the file system, or remove the folder.
    enum class Place : std::uint8_t { kInPlace, kRemoved, kNoFileSystem };
    Place place() const;
    // Makes a folder that was removed once more, empty. What was pinned before is no longer found.
    Status make_again();
    // Pins of any name: what a file system would not take is escaped. keep() replaces a pin of that name, atomically.
    Status keep(std::string_view name, int fd);
    // A descriptor of what is pinned, or empty.
    UniqueFd get(std::string_view name) const;
    void drop(std::string_view name);
    // False also where it cannot be known.
    bool is_missing(std::string_view name) const;
    // Names that begin with `prefix`, without it.
    std::vector<std::string> names(std::string_view prefix) const;
    // What a process that was killed in keep() left.
    void drop_unfinished();
    // All pins, and the folder.
    void drop_all();

private:
    static Result<Pins> open_folder(const std::string& name, std::string folder);
    Pins(std::string name, std::string folder, UniqueFd lock)
        : name_(std::move(name)), folder_(std::move(folder)), lock_(std::move(lock)) {}
    std::string path(std::string_view name) const;

    std::string name_;
    std::string folder_;
    UniqueFd lock_;  // of the folder, locked: it goes with the process, and not with /run
};

// Interfaces on which an engine of that name left a policy in force; none where there is no such engine.
std::vector<std::string> interfaces_left_by(const std::string& name);

// The pinned link of one of them, or empty.
UniqueFd pinned_link(const std::string& name, const std::string& interface);
// Names of the engines that have pins and whose folder no process has locked: those that were killed. By name.
std::vector<std::string> engines_without_process();

// Name of the engine that pins link number `id`, or empty.
std::string engine_that_pins_link(std::uint32_t id);

}  // namespace weir::runtime
