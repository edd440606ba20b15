// Tested by tests/kernel/adopt_test.cpp.
#include "runtime/engine/pins.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "runtime/kernel.h"

namespace weir::runtime {
namespace {

namespace fs = std::filesystem;
constexpr const char* kBpfFolder = "/sys/fs/bpf";
constexpr std::string_view kBeside = "%beside";  // ends the name of a second folder; no escaped name ends so
constexpr std::string_view kNext = "next%";      // a pin that is about to take its place; no escaped name begins so

// The BPF file system takes no dots, and no file system a slash.
std::string escaped(std::string_view name) {
    std::string text;
    for (const char c : name) {
        if (c == '.' || c == '/' || c == '%' || static_cast<unsigned char>(c) < 0x20)
            text += fmt::format("%{:02x}", static_cast<unsigned char>(c));
        else
            text += c;
    }
    return text;
}

std::string plain(std::string_view text) {
    std::string name;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%' && i + 2 < text.size()) {
            name += static_cast<char>(std::strtol(std::string(text.substr(i + 1, 2)).c_str(), nullptr, 16));
            i += 2;
        } else {
            name += text[i];
        }
    }
    return name;
}

std::string folder_of(const std::string& name) { return fmt::format("{}/{}", kPinRoot, escaped(name)); }

bool is_bpf_file_system(const char* folder) {
    struct statfs facts{};
    return statfs(folder, &facts) == 0 && facts.f_type == BPF_FS_MAGIC;
}

std::vector<std::string> entries(const std::string& folder) {
    std::vector<std::string> names;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(folder, none)) names.push_back(entry.path().filename());
    return names;
}

// ", process 123", of who has locked a file, as /proc/locks has it; empty where that is not to be seen.
std::string locked_by(const struct stat& file) {
    std::ifstream locks("/proc/locks");
    const std::string wanted = fmt::format("{:02x}:{:02x}:{}", major(file.st_dev), minor(file.st_dev), file.st_ino);
    for (std::string line; std::getline(locks, line);) {
        std::istringstream words(line);
        std::string number, kind, strict, access, process, place;
        if (words >> number >> kind >> strict >> access >> process >> place && kind == "FLOCK" && place == wanted)
            return ", process " + process;
    }
    return {};
}

// The folder, made where it is missing, open and locked.
Result<UniqueFd> lock_folder(const std::string& folder, const std::string& name) {
    constexpr int kTries = 100;  // another engine that ends removes what we have just made or opened
    for (int i = 0; i < kTries; ++i) {
        for (const char* made : {kPinRoot, folder.c_str()})
            if (mkdir(made, 0700) != 0 && errno != EEXIST && errno != ENOENT)
                return kernel_error(errno, fmt::format("making {}", made));
        UniqueFd lock(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (!lock && errno == ENOENT) continue;
        struct stat ours{}, there{};
        if (!lock || fstat(lock.get(), &ours) != 0) return kernel_error(errno, fmt::format("opening {}", folder));
        if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
            if (errno != EWOULDBLOCK) return kernel_error(errno, fmt::format("locking {}", folder));
            return Error{fmt::format("an engine named `{}` runs already{}", name, locked_by(ours)),
                         "stop it first, or choose another name: --name NAME", EBUSY};
        }
        if (stat(folder.c_str(), &there) == 0 && ours.st_ino == there.st_ino && ours.st_dev == there.st_dev)
            return lock;
    }
    return Error{fmt::format("{} is removed again and again", folder), "try once more", EAGAIN};
}

}  // namespace

Result<Pins> Pins::open(const std::string& name) { return open_folder(name, folder_of(name)); }

Result<Pins> Pins::open_beside(const std::string& name) { return open_folder(name, folder_of(name).append(kBeside)); }

bool Pins::has_beside(const std::string& name) {
    struct stat facts{};
    return stat(folder_of(name).append(kBeside).c_str(), &facts) == 0;
}

Status Pins::exchange(Pins& other) {
    if (renameat2(AT_FDCWD, folder_.c_str(), AT_FDCWD, other.folder_.c_str(), RENAME_EXCHANGE) != 0)
        return kernel_error(errno, fmt::format("putting {} in the place of {}", folder_, other.folder_));
    std::swap(folder_, other.folder_);
    return Done{};
}

Result<Pins> Pins::open_folder(const std::string& name, std::string folder) {
    if (!is_bpf_file_system(kBpfFolder) &&
        mount("bpf", kBpfFolder, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") != 0) {
        Error error = kernel_error(errno, fmt::format("mounting a BPF file system on {}", kBpfFolder));
        error.help = fmt::format("mount one: mount -t bpf bpf {}", kBpfFolder);
        return error;
    }
    auto lock = lock_folder(folder, name);
    if (!lock) return lock.error();
    return Pins(name, std::move(folder), std::move(*lock));
}

Pins::Place Pins::place() const {
    if (!is_bpf_file_system(kBpfFolder)) return Place::kNoFileSystem;
    struct stat ours{}, there{};
    const bool same = fstat(lock_.get(), &ours) == 0 && stat(folder_.c_str(), &there) == 0 &&
                      ours.st_ino == there.st_ino && ours.st_dev == there.st_dev;
    return same ? Place::kInPlace : Place::kRemoved;
}

Status Pins::make_again() {
    auto lock = lock_folder(folder_, name_);
    if (!lock) return lock.error();
    lock_ = std::move(*lock);
    return Done{};
}

std::string Pins::path(std::string_view name) const { return folder_ + "/" + escaped(name); }

Status Pins::keep(std::string_view name, int fd) {
    const std::string next = fmt::format("{}/{}{}", folder_, kNext, escaped(name));
    unlink(next.c_str());  // of an engine that was killed here
    if (bpf_obj_pin(fd, next.c_str()) != 0 || std::rename(next.c_str(), path(name).c_str()) != 0)
        return kernel_error(errno, fmt::format("pinning {}", path(name)));
    return Done{};
}

UniqueFd Pins::get(std::string_view name) const { return UniqueFd(bpf_obj_get(path(name).c_str())); }

bool Pins::is_missing(std::string_view name) const {
    struct stat facts{};
    return lstat(path(name).c_str(), &facts) != 0 && errno == ENOENT;
}

void Pins::drop(std::string_view name) { unlink(path(name).c_str()); }

std::vector<std::string> Pins::names(std::string_view prefix) const {
    std::vector<std::string> found;
    for (const std::string& entry : entries(folder_)) {
        if (entry.starts_with(kNext)) continue;
        std::string name = plain(entry);
        if (name.starts_with(prefix)) found.push_back(name.substr(prefix.size()));
    }
    return found;
}

void Pins::drop_unfinished() {
    for (const std::string& entry : entries(folder_))
        if (entry.starts_with(kNext)) unlink((folder_ + "/" + entry).c_str());
}

void Pins::drop_all() {
    for (const std::string& entry : entries(folder_)) unlink((folder_ + "/" + entry).c_str());
    rmdir(folder_.c_str());
    rmdir(kPinRoot);  // fails where other engines have theirs
}

std::vector<std::string> interfaces_left_by(const std::string& name) {
    std::vector<std::string> interfaces;
    constexpr std::string_view kLink = "link-";
    for (const std::string& entry : entries(folder_of(name)))
        if (entry.starts_with(kLink)) interfaces.push_back(plain(std::string_view(entry).substr(kLink.size())));
    return interfaces;
}

UniqueFd pinned_link(const std::string& name, const std::string& interface) {
    return UniqueFd(bpf_obj_get(fmt::format("{}/link-{}", folder_of(name), escaped(interface)).c_str()));
}

std::vector<std::string> engines_without_process() {
    std::vector<std::string> names;
    for (const std::string& entry : entries(kPinRoot)) {
        struct stat facts{};
        const std::string folder = fmt::format("{}/{}", kPinRoot, entry);
        if (entry.ends_with(kBeside) || stat(folder.c_str(), &facts) != 0 || !locked_by(facts).empty()) continue;
        names.push_back(plain(entry));
    }
    std::sort(names.begin(), names.end());
    return names;
}

std::string engine_that_pins_link(std::uint32_t id) {
    for (const std::string& engine : entries(kPinRoot)) {
        for (const std::string& pin : entries(fmt::format("{}/{}", kPinRoot, engine))) {
            if (!pin.starts_with("link-")) continue;
            const UniqueFd fd(bpf_obj_get(fmt::format("{}/{}/{}", kPinRoot, engine, pin).c_str()));
            bpf_link_info info{};
            __u32 length = sizeof(info);
            if (!fd || bpf_obj_get_info_by_fd(fd.get(), &info, &length) != 0 || info.id != id) continue;
            const std::string_view folder = engine;
            return plain(folder.substr(0, folder.size() - (folder.ends_with(kBeside) ? kBeside.size() : 0)));
        }
    }
    return {};
}

}  // namespace weir::runtime
