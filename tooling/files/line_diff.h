// What changed from one text to another, by lines.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::tooling {

// A unified diff with three lines of context, as `patch` and `git apply` read it; empty where the texts are equal. The
// shortest one, but where more than 2,000 lines changed: then all lines from the first to the last change are replaced.
std::string unified_diff(std::string_view name, std::string_view before, std::string_view after);

// The first line, from 1, of `before` that `after` has otherwise; 0 where they are equal.
std::uint32_t first_changed_line(std::string_view before, std::string_view after);

}  // namespace weir::tooling
