// Tested by tests/unit/tooling/import_test.cpp with `Condition`.
#include "tooling/import/ruleset.h"

namespace weir::tooling::imports {

void Condition::add(std::string text, std::uint32_t comparisons) { operands.push_back({text, text, comparisons, {}}); }

void Condition::add_in(std::string text, std::string why_not_out) {
    operands.push_back({std::move(text), {}, 1, std::move(why_not_out)});
}

void Condition::add_out(std::string text, std::string why_not_in) {
    operands.push_back({{}, std::move(text), 1, std::move(why_not_in)});
}

}  // namespace weir::tooling::imports
