// Code in the compiler's place, as if a policy had taken it over.
#pragma once

#include "service/worker_process.h"

inline constexpr const char* kHostileArgument = "hostile-worker";

// Does what the last part of the path that it is asked for says: hostile_worker_test.cpp.
void be_hostile(const weir::service::WorkerEnds& ends);
