// Whole files of this machine.
#pragma once

#include <cstddef>
#include <string>

#include "grammar/base/result.h"

namespace weir::tooling {

// What a command line names: a file, a pipe, or "-" for standard input. At most a little more than the parser takes, so
// that the parser itself says what is too much.
Result<std::string> read_file(const std::string& path);
// "PATH cannot be read: " and why.
Error unreadable(const std::string& path, const Error& why);
// What a policy names: a regular file of at most `limit_bytes`. It must not be a device or a pipe that never ends. The
// message has no path.
Result<std::string> read_regular(const std::string& path, std::size_t limit_bytes);

}  // namespace weir::tooling
