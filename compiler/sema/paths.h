// Where a relative path of a policy may lead. Text only: no disk is touched.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace weir::sema {

// The folder of `path` with a slash at its end, or nothing for a bare file name.
std::string folder_of(std::string_view path);
// `a/./b/../c` as `a/c`; leading `..`s stay.
std::string normal_path(std::string_view path);
// Beside the file that names it, then in each include folder; an absolute path is itself.
std::vector<std::string> candidate_paths(std::string_view naming_file, std::string_view path,
                                         const std::vector<std::string>& include_dirs);

}  // namespace weir::sema
