// Connection states of netfilter as conditions on flows.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tooling/import/ruleset.h"
#include "tooling/import/words.h"

namespace weir::tooling::imports {

inline constexpr unsigned kAllStates = 31;

// Of "NEW", "established", …; 0 where it is none of them.
unsigned state_bit(std::string_view word);
// Adds the states of `bits` to `when`. What cannot be said of them is an alternative that is missing, or, where nothing
// is left, the reason why the rule cannot be said.
void add_states(unsigned bits, Condition& when, Ruleset& ruleset);
// The lets of those states whose names are `used`.
std::string state_lets(unsigned bits, const std::set<std::string, std::less<>>& used);
void reserve_states(Names& value_names);

}  // namespace weir::tooling::imports
