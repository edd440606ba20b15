// How an engine starts its processes: each in a process group of its own, so that Ctrl-C is for the engine, which ends
// it; with no signal blocked or ignored, and with nothing but what it is given.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "grammar/base/result.h"

namespace weir::service {

inline constexpr int kFirstGivenFd = 3;

struct Spawn {
    std::vector<std::string> program;  // with its arguments
    std::vector<int> given{};          // descriptors that get the numbers from kFirstGivenFd on
    int standard_error = -1;           // -1: /dev/null, as standard input and output are
};
// `name`: for the error's sentence.
Result<pid_t> spawn(const Spawn& what, const std::string& name);

}  // namespace weir::service
