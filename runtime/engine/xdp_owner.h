// Who uses XDP on an interface.
#pragma once

#include "grammar/base/result.h"

#include <string>

namespace weir::runtime {

// The error of attaching to an interface that has a program: names it, its holder where one can be found, and the way
// out.
Error interface_taken(const std::string& interface, unsigned index);

}  // namespace weir::runtime
