// Tested by tests/unit/sema/types_test.cpp with `import`.
#include "compiler/sema/paths.h"

namespace weir::sema {

std::string folder_of(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string_view::npos ? std::string() : std::string(path.substr(0, slash + 1));
}

std::string normal_path(std::string_view path) {
    const bool absolute = path.starts_with('/');
    std::vector<std::string_view> parts;
    while (!path.empty()) {
        const std::size_t slash = path.find('/');
        const std::string_view part = path.substr(0, slash);
        path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
        if (part.empty() || part == ".") continue;
        const bool climbs = part == "..";
        if (climbs && !parts.empty() && parts.back() != "..")
            parts.pop_back();
        else if (!climbs || !absolute)
            parts.push_back(part);
    }
    std::string normal = absolute ? "/" : "";
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (i != 0) normal += '/';
        normal += parts[i];
    }
    return normal;
}

std::vector<std::string> candidate_paths(std::string_view naming_file, std::string_view path,
                                         const std::vector<std::string>& include_dirs) {
    if (path.starts_with('/')) return {normal_path(path)};
    std::vector<std::string> places{normal_path(folder_of(naming_file) + std::string(path))};
    for (const std::string& folder : include_dirs) places.push_back(normal_path(folder + "/" + std::string(path)));
    return places;
}

}  // namespace weir::sema
