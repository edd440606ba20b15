// Which programs a sink `exec` may run, and as whom.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "grammar/base/result.h"
#include "runtime/handles.h"

namespace weir::runtime {

struct ExecUser {
    std::string name;
    uid_t uid = 0;
    gid_t gid = 0;
    std::vector<gid_t> groups{};
};
// By name. An empty one: `nobody` where this process may become another user, else this process's own. An error where
// it is unknown, or root.
Result<ExecUser> find_exec_user(const std::string& name);

// The folder of --allow-exec.
struct ExecFolder {
    std::string path;  // without symbolic links
    UniqueFd fd;
};
// An error where it is no folder of root's or of this process's user, or others may write to it.
Result<ExecFolder> open_exec_folder(const std::string& path);

// Opens it to be read and run. It is in the folder or below, once all symbolic links have been followed; it and the
// folders on the way are root's or the user's, and nobody else may write to them; the user may run it.
Result<UniqueFd> open_program(const ExecFolder& folder, const std::string& path, const ExecUser& user);

}  // namespace weir::runtime
