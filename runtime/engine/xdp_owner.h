// Who uses a hook of an interface.
#pragma once

#include <string>

#include "grammar/base/result.h"
#include "runtime/engine/hook.h"

namespace weir::runtime {

// The error of attaching to an interface that has a program: names the program, the process or the killed engine that
// holds it where one can be found, and what ends that.
Error interface_taken(const Hook& hook, const std::string& interface, unsigned index);

}  // namespace weir::runtime
