// What a process of the engine's finds in its environment.
#pragma once

#include <vector>

namespace weir::service {

// The loader's and the test tools' variables, and a null at the end. Secrets of sinks are none of theirs.
std::vector<char*> variables_handed_on();

}  // namespace weir::service
