// W414: parts of a condition that change nothing.
#pragma once

#include "compiler/analysis/suspects.h"

namespace weir::analysis {

// A part of an `and` that is true whenever its other parts are, or of an `or` that is true only where others are, of
// the packets for which the whole matters. Only parts that have a field in common with another part are looked at:
// `tcp` in `tcp and tcp.dport == 22` changes nothing either, and is how people write. Nothing is said of what stands in
// a let or a function, which other rules may need.
void warn_needless(const Reached& reached, Diagnostics& diagnostics);

}  // namespace weir::analysis
