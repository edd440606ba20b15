// Archives of regular files in the POSIX ustar format, which every `tar` reads.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/base/result.h"

namespace weir::tooling {

struct TarEntry {
    std::string name{};
    std::string bytes{};
};

// The same entries give the same bytes: no times, no owners. An error where a name is longer than the format takes
// (100 bytes behind the last slash that can divide it, 155 before it).
Result<std::string> to_tar(const std::vector<TarEntry>& entries);
// In their order. Links, devices and folders are refused, and so is what is cut or damaged.
Result<std::vector<TarEntry>> from_tar(std::string_view bytes);

}  // namespace weir::tooling
