// Kills a process at one of its entries into the kernel, or returns from there: the same one each time.
#pragma once

#include <sys/types.h>

namespace weir::test {

// In the process: from here on its stops are counted.
void begin_stops();
// Kills it at that stop of any of its threads. False where it had killed itself before, which it does at its end.
bool kill_at_stop(pid_t process, int stop);
// Of the stops: each one, in the long form of the tests (WEIR_EACH_STOP=1), else every so many.
int stop_stride(int in_short_form);

}  // namespace weir::test
