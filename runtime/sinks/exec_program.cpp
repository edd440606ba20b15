// Tested by tests/unit/sinks/exec_test.cpp.
#include "runtime/sinks/exec_program.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <string_view>

#include "runtime/kernel.h"

namespace weir::runtime {
namespace {

constexpr std::size_t kMaxPasswdBytes = 64 << 10;  // an entry of the user database
constexpr int kMaxGroups = 256;

Error refused(const std::string& path, const std::string& reason) { return {path + ": " + reason, {}, EACCES}; }

// Group root is root.
bool is_writable_by_others(const struct stat& facts) {
    return (facts.st_mode & S_IWOTH) != 0 || ((facts.st_mode & S_IWGRP) != 0 && facts.st_gid != 0);
}

Status check_owner(const struct stat& facts, const std::string& path, uid_t user) {
    if (facts.st_uid != 0 && facts.st_uid != user)
        return refused(path, "it belongs neither to root nor to the user who runs it");
    if (is_writable_by_others(facts)) return refused(path, "others may write to it");
    return Done{};
}

Result<std::string> without_links(const std::string& path) {
    char resolved[PATH_MAX];
    if (realpath(path.c_str(), resolved) == nullptr) return kernel_error(errno, "opening " + path);
    return std::string(resolved);
}

bool may_run(const struct stat& facts, const ExecUser& user) {
    if (facts.st_uid == user.uid) return (facts.st_mode & S_IXUSR) != 0;
    const bool is_group = facts.st_gid == user.gid ||
                          std::find(user.groups.begin(), user.groups.end(), facts.st_gid) != user.groups.end();
    return (facts.st_mode & (is_group ? S_IXGRP : S_IXOTH)) != 0;
}

// Root, or an engine of another user that has kept the right, as that of weir@.service.
bool may_become_another() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct now[2] = {};
    return geteuid() == 0 ||
           (syscall(SYS_capget, &header, now) == 0 && (now[0].effective & CAP_TO_MASK(CAP_SETUID)) != 0);
}

}  // namespace

Result<ExecUser> find_exec_user(const std::string& name) {
    const bool is_own = name.empty() && !may_become_another();
    std::vector<char> bytes(kMaxPasswdBytes);
    passwd entry{};
    passwd* found = nullptr;
    const int problem =
        is_own ? getpwuid_r(geteuid(), &entry, bytes.data(), bytes.size(), &found)
               : getpwnam_r(name.empty() ? "nobody" : name.c_str(), &entry, bytes.data(), bytes.size(), &found);
    if (found == nullptr && is_own)  // a user without an entry
        return ExecUser{std::to_string(geteuid()), geteuid(), getegid(), {getegid()}};
    if (found == nullptr)
        return Error{"there is no user `" + (name.empty() ? std::string("nobody") : name) + "`", {}, problem};
    if (entry.pw_uid == 0) return Error{"programs of sinks do not run as root", "name another user", EPERM};
    ExecUser user{entry.pw_name, entry.pw_uid, entry.pw_gid, {}};
    user.groups.resize(kMaxGroups);
    int count = kMaxGroups;
    if (getgrouplist(entry.pw_name, entry.pw_gid, user.groups.data(), &count) < 0)
        return Error{"user `" + user.name + "` is in too many groups", "name another user", E2BIG};
    user.groups.resize(static_cast<std::size_t>(count));
    if (std::find(user.groups.begin(), user.groups.end(), gid_t{0}) != user.groups.end())
        return Error{"user `" + user.name + "` is in group root: programs of sinks are not", "name another user",
                     EPERM};
    return user;
}

Result<ExecFolder> open_exec_folder(const std::string& path) {
    auto resolved = without_links(path);
    if (!resolved) return resolved.error();
    ExecFolder folder{std::move(*resolved), {}};
    folder.fd = UniqueFd(open(folder.path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    struct stat facts{};
    if (!folder.fd || fstat(folder.fd.get(), &facts) != 0) return kernel_error(errno, "opening " + folder.path);
    if (Status checked = check_owner(facts, folder.path, geteuid()); !checked) return checked.error();
    return folder;
}

Result<UniqueFd> open_program(const ExecFolder& folder, const std::string& path, const ExecUser& user) {
    const auto resolved = without_links(path);
    if (!resolved) return resolved.error();
    const std::string root = folder.path == "/" ? "/" : folder.path + "/";
    if (!resolved->starts_with(root)) return refused(path, "it is not in " + folder.path + " (--allow-exec)");
    // Step by step: nobody can put a link in the place of what has been looked at.
    UniqueFd at = duplicate(folder.fd.get());
    std::string_view left = std::string_view(*resolved).substr(root.size());
    for (;;) {
        const std::size_t slash = left.find('/');
        const bool is_last = slash == std::string_view::npos;
        const std::string part(left.substr(0, slash));
        const int flags = is_last ? O_RDONLY | O_NONBLOCK : O_PATH | O_DIRECTORY;
        UniqueFd next(openat(at.get(), part.c_str(), flags | O_NOFOLLOW | O_CLOEXEC));
        struct stat facts{};
        if (!next || fstat(next.get(), &facts) != 0) return kernel_error(errno, "opening " + path);
        if (Status checked = check_owner(facts, path, user.uid); !checked) return checked.error();
        if (is_last) {
            if (!S_ISREG(facts.st_mode)) return refused(path, "it is no file");
            if (!may_run(facts, user)) return refused(path, "user `" + user.name + "` may not run it");
            return next;
        }
        at = std::move(next);
        left.remove_prefix(slash + 1);
    }
}

}  // namespace weir::runtime
