// Says when files have changed: through inotify on the folders that lead to them, so that renames, symbolic links that
// are turned elsewhere, and files that come and go are seen. What is written through another hard link, a mapping, or
// on another machine is not.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "grammar/base/result.h"
#include "runtime/handles.h"

namespace weir::tooling {

class Watcher {
public:
    static Result<Watcher> create();

    int fd() const { return inotify_.get(); }  // readable where something happened
    // From now on these are watched, and no others. What changed before this call may have been missed; where it
    // watches anything that it did not watch before, the files count as changed.
    void follow(const std::vector<std::string>& paths);
    // Reads what happened. True once the files have changed and then been left alone for a moment: then they are to be
    // read, from the beginning.
    bool step();
    // Until step() is to be called again though fd() is quiet, in ms.
    std::optional<std::uint64_t> poll_timeout_ms() const;

private:
    explicit Watcher(runtime::UniqueFd inotify) : inotify_(std::move(inotify)) {}
    void changed(std::uint64_t quiet_ms);
    // Watches every folder on the way to `path`, through symbolic links.
    void watch(const std::string& path, std::map<int, std::set<std::string>>& names);

    runtime::UniqueFd inotify_;
    std::map<int, std::set<std::string>> names_;  // by watch: what of the folder is of interest
    std::vector<std::string> paths_;
    std::uint64_t first_ns_ = 0;  // change that was not told yet; 0: none
    std::uint64_t due_ns_ = 0;
};

}  // namespace weir::tooling
