// Processes of this one that were ended: what they had may take the kernel a moment to free, and nobody waits for that.
#pragma once

#include <sys/types.h>

namespace weir::service {

// SIGKILL. `process`: a child that nobody has waited for.
void end_process(pid_t process);
// Waits for those that have gone: to be called now and then.
void reap_ended();

}  // namespace weir::service
