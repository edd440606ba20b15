// Tested by tests/unit/tooling/buffers_test.cpp.
#include "tooling/files/buffers.h"

#include "tooling/files/paths.h"

namespace weir::tooling {

void Buffers::put(const std::string& path, std::string text) { texts_[resolved(path)] = std::move(text); }

void Buffers::remove(const std::string& path) { texts_.erase(resolved(path)); }

const std::string* Buffers::find(const std::string& path) const {
    if (texts_.empty()) return nullptr;
    const auto found = texts_.find(resolved(path));
    return found == texts_.end() ? nullptr : &found->second;
}

sema::Files Buffers::over(sema::Files files) const {
    files.read = [this, below = std::move(files.read)](const std::string& path) -> Result<std::string> {
        if (const std::string* text = find(path)) return *text;
        if (below) return below(path);
        return Error{"no files can be read here", {}, 0};
    };
    return files;
}

}  // namespace weir::tooling
