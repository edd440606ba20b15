// Standard error of an engine. A reader that does not read (a stopped terminal, a log that hangs) must not block the
// engine.
#pragma once

namespace weir::cli {

// From now on, output to `stderr` is dropped if nobody reads it after a short wait. When a reader reads again, it is
// told how many bytes were dropped. For long-running processes.
void make_stderr_nonblocking();

}  // namespace weir::cli
