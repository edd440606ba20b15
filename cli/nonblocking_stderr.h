// Standard error of an engine: who does not read it (a terminal that is stopped, a log that hangs) must not stop the
// engine.
#pragma once

namespace weir::cli {

// From now on what is printed to `stderr` waits for a reader a moment at most, then is lost; once there is one again,
// that is said. For processes that go on for long.
void make_stderr_nonblocking();

}  // namespace weir::cli
