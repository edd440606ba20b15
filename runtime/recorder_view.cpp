// Tested by tests/unit/runtime/recorder_test.cpp with `row_name`.
#include "runtime/recorder_view.h"

#include <fmt/format.h>

namespace weir::runtime {

std::string row_name(const std::vector<std::string>* rules, std::uint32_t generation, std::uint32_t row) {
    if (rules == nullptr) return fmt::format("row {} of generation {}", row, generation);
    constexpr const char* kOthers[] = {"default", "malformed", "default egress"};
    if (row < rules->size()) return (*rules)[row];
    const std::size_t other = row - rules->size();
    return other < std::size(kOthers) ? kOthers[other] : "no rule";
}

}  // namespace weir::runtime
