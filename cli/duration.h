// Durations on a command line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace weir::cli {

// "60s", "500ms", "2m", "1h"; nothing if the text is not a duration, is 0, or is more than a week.
std::optional<std::uint64_t> parse_duration_ms(const std::string& text);

}  // namespace weir::cli
