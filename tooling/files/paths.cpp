// Tested by tests/unit/tooling/paths_test.cpp.
#include "tooling/files/paths.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace weir::tooling {

namespace fs = std::filesystem;

std::string from_root(const std::string& path) {
    if (path.starts_with('/') || path == "-") return path;
    char* folder = getcwd(nullptr, 0);
    std::string text = folder == nullptr ? path : std::string(folder) + "/" + path;
    std::free(folder);
    return text;
}

std::string resolved(const std::string& path) {
    std::error_code failed;
    const fs::path whole = fs::weakly_canonical(from_root(path), failed);
    return failed ? fs::path(from_root(path)).lexically_normal().string() : whole.string();
}

std::string from_here(const std::string& path) {
    if (path == "-" || path.empty()) return path;
    const std::string here = fs::path(from_root(".")).lexically_normal().parent_path().string();
    const std::string whole = fs::path(from_root(path)).lexically_normal().string();
    return is_inside(whole, here) ? fs::path(whole).lexically_relative(here).string() : path;
}

std::string folder_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

bool is_inside(const std::string& path, const std::string& folder) {
    if (folder == "/") return path.starts_with('/');
    return path.starts_with(folder) && path.size() > folder.size() && path[folder.size()] == '/';
}

}  // namespace weir::tooling
