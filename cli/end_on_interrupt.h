// Ctrl-C (SIGINT, SIGTERM) of the commands that only read and write files.
#pragma once

namespace weir::cli {

// From now on SIGINT and SIGTERM remove what is unfinished, say so, and end the process as they would without this: a
// shell reports 130 or 143. Signals that are ignored stay so.
void end_on_interrupt();

}  // namespace weir::cli
