// Paths of this machine.
#pragma once

#include <string>

namespace weir::tooling {

// The path from the root, symbolic links as they are: whoever turns one elsewhere means that to be followed. "-" stays.
std::string from_root(const std::string& path);
// The path from the root with symbolic links followed, as far as there is something; the rest without `.` and `..`.
std::string resolved(const std::string& path);
// As it is found from the working directory, `.` and `..` resolved as text, where it is below that; else as it is.
std::string from_here(const std::string& path);
// The folder of `path`: "." for a bare name.
std::string folder_of(const std::string& path);
// Is `path` in `folder`, at whatever depth? Both as resolved() gives them.
bool is_inside(const std::string& path, const std::string& folder);

}  // namespace weir::tooling
