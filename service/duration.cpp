// Tested by tests/unit/service/duration_test.cpp.
#include "service/duration.h"

#include <array>
#include <charconv>
#include <utility>

namespace weir::service {

std::optional<std::uint64_t> parse_duration_ms(std::string_view text) {
    constexpr std::array<std::pair<std::string_view, std::uint64_t>, 4> kUnits{
        {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}}};
    constexpr std::uint64_t kWeek_ms = std::uint64_t{7} * 24 * 3'600'000;
    std::uint64_t number = 0;
    const char* end = text.data() + text.size();
    const auto [rest, failed] = std::from_chars(text.data(), end, number);
    if (failed != std::errc{} || number == 0 || number > kWeek_ms) return std::nullopt;
    for (const auto& [unit, factor] : kUnits)
        if (std::string_view(rest, static_cast<std::size_t>(end - rest)) == unit && number * factor <= kWeek_ms)
            return number * factor;
    return std::nullopt;
}

}  // namespace weir::service
