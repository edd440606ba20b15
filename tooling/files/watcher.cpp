// Tested by tests/unit/tooling/watcher_test.cpp.
#include "tooling/files/watcher.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <filesystem>

#include "runtime/kernel.h"

namespace weir::tooling {
namespace {

namespace fs = std::filesystem;

// A file that is put into place in one piece can be read almost at once; one that is written in pieces when its writer
// has closed it, or has said nothing for long.
constexpr std::uint64_t kAfterChange_ms = 50;
constexpr std::uint64_t kAfterPiece_ms = 1000;
constexpr std::uint64_t kLongest_ms = 5000;  // of waiting for a writer that never ends
constexpr std::uint64_t kMillisecond_ns = 1'000'000;
constexpr int kMaxLinks = 40;  // as the kernel
constexpr std::uint32_t kEvents =
    IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CLOSE_WRITE | IN_MODIFY | IN_ATTRIB | IN_ONLYDIR;

}  // namespace

Result<Watcher> Watcher::create() {
    runtime::UniqueFd inotify(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (!inotify) return runtime::kernel_error(errno, "watching files");
    return Watcher(std::move(inotify));
}

void Watcher::watch(const std::string& path, std::map<int, std::set<std::string>>& names) {
    std::error_code none;
    fs::path left = fs::absolute(path, none), here = "/";
    int links = 0;
    while (!left.empty()) {
        const fs::path step = *left.begin();
        left = fs::path(left).lexically_relative(step);
        if (left == ".") left.clear();
        if (step == "/" || step == ".") {
            if (step == "/") here = "/";
            continue;
        }
        if (step == "..") {
            here = here.parent_path();
            continue;
        }
        const int watch = inotify_add_watch(inotify_.get(), here.c_str(), kEvents);
        if (watch < 0) return;  // not there: the folder above it says when it comes
        names[watch].insert(step);
        const fs::path next = here / step;
        if (fs::is_symlink(next, none) && ++links <= kMaxLinks) {
            const fs::path target = fs::read_symlink(next, none);
            left = left.empty() ? target : target / left;
            if (target.is_absolute()) here = "/";
        } else {
            here = next;
        }
    }
}

void Watcher::follow(const std::vector<std::string>& paths) {
    std::map<int, std::set<std::string>> names;
    for (const std::string& path : paths) watch(path, names);
    bool any_new = false;
    for (const auto& [watch, entries] : names) {
        const auto known = names_.find(watch);
        any_new = any_new || known == names_.end() ||
                  !std::includes(known->second.begin(), known->second.end(), entries.begin(), entries.end());
    }
    for (const auto& [watch, entries] : names_)
        if (!names.contains(watch)) inotify_rm_watch(inotify_.get(), watch);
    names_ = std::move(names);
    paths_ = paths;
    if (any_new) changed(kAfterChange_ms);
}

void Watcher::changed(std::uint64_t quiet_ms) {
    const std::uint64_t now = runtime::monotonic_ns();
    if (first_ns_ == 0) first_ns_ = now;
    due_ns_ = std::min(now + quiet_ms * kMillisecond_ns, first_ns_ + kLongest_ms * kMillisecond_ns);
}

bool Watcher::step() {
    alignas(inotify_event) char buffer[1 << 14];
    bool moved = false;
    for (ssize_t got = 0; (got = read(inotify_.get(), buffer, sizeof(buffer))) > 0;) {
        for (const char* at = buffer; at < buffer + got;) {
            inotify_event event{};
            std::memcpy(&event, at, sizeof(event));
            const char* name = event.len == 0 ? "" : at + sizeof(event);
            at += sizeof(event) + event.len;
            const auto folder = names_.find(event.wd);
            const bool lost = (event.mask & IN_Q_OVERFLOW) != 0,
                       gone = (event.mask & IN_IGNORED) != 0 && folder != names_.end();
            if (!lost && !gone && (folder == names_.end() || !folder->second.contains(name))) continue;
            if (gone) names_.erase(folder);
            if ((event.mask & (IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB)) == 0) moved = true;
            changed((event.mask & IN_MODIFY) != 0 ? kAfterPiece_ms : kAfterChange_ms);
        }
    }
    // Another folder may stand where the old one did.
    if (moved) follow(std::vector<std::string>(paths_));
    if (first_ns_ == 0 || runtime::monotonic_ns() < due_ns_) return false;
    first_ns_ = 0;
    return true;
}

std::optional<std::uint64_t> Watcher::poll_timeout_ms() const {
    if (first_ns_ == 0) return std::nullopt;
    const std::uint64_t now = runtime::monotonic_ns();
    return now >= due_ns_ ? 0 : (due_ns_ - now) / kMillisecond_ns + 1;
}

}  // namespace weir::tooling
