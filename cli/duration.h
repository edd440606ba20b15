// Times as people write them on a command line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace weir::cli {

// "60s", "500ms", "2m", "1h"; nothing where the text is no duration, or is 0 or more than a week.
std::optional<std::uint64_t> parse_duration_ms(const std::string& text);

}  // namespace weir::cli
