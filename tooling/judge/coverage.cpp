// Tested by tests/unit/tooling/policy_tests_test.cpp with `overage`.
#include "tooling/judge/coverage.h"

#include <algorithm>

#include <fmt/format.h>

namespace weir::tooling {

void Coverage::add(const Judged& judged, packet::Direction direction) {
    for (const std::uint32_t rule : judged.matched) matched_[rule] = true;
    (direction == packet::Direction::kOut ? egress_ : default_) |= judged.by == Judged::By::kDefault;
    malformed_ = malformed_ || judged.by == Judged::By::kMalformed;
}

std::string Coverage::text() const {
    const auto covered = static_cast<std::size_t>(std::count(matched_.begin(), matched_.end(), true));
    std::string out = fmt::format("coverage: {} of {} rules matched\n", covered, matched_.size());
    for (std::size_t i = 0; i < matched_.size(); ++i)
        if (!matched_[i]) out += fmt::format("    never matched: {}\n", policy_->rules[i].name);
    if (!default_) out += "    never decided: default\n";
    if (!malformed_) out += "    never decided: malformed\n";
    if (!egress_ && policy_->has_egress()) out += "    never decided: default egress\n";
    return out;
}

}  // namespace weir::tooling
