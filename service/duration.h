// Durations that people give: on a command line, in a request of the API.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace weir::service {

// "60s", "500ms", "2m", "1h"; nothing if the text is not a duration, is 0, or is more than a week.
std::optional<std::uint64_t> parse_duration_ms(std::string_view text);

}  // namespace weir::service
