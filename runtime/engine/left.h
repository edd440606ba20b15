// What engines that were killed left in force, for commands that no engine serves.
#pragma once

#include <string>
#include <vector>

#include "grammar/base/result.h"

namespace weir::runtime {

struct LeftEngine {
    std::string name;
    std::vector<std::string> interfaces{};  // on which its policy still judges packets; never empty
};

// By name. Takes no lock: an engine that starts meanwhile is not disturbed. What this process may not see is left out.
std::vector<LeftEngine> engines_left();

// Detaches what engine `name` left, and removes its pins. Events that wait in its ring are lost. Returns the
// interfaces. An error EBUSY where it runs, ENOENT where it left nothing.
Result<std::vector<std::string>> detach_left(const std::string& name);

// "eth0, eth1"
std::string in_words(const std::vector<std::string>& names);

}  // namespace weir::runtime
