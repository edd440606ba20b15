// Policies to try things on: those of rules/, the guide's, and random ones.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "grammar/base/seeded.h"

namespace weir {

// (path, text) of every .rules file under rules/, sorted, and of every fenced policy in docs/ that is accepted.
std::vector<std::pair<std::string, std::string>> policies();

// A random policy that parses: every construct turns up, with comments and line ends in random places.
std::string random_policy(Seeded& random);

}  // namespace weir
