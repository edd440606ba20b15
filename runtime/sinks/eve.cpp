// Tested by tests/unit/runtime/sinks_test.cpp.
#include "runtime/sinks/eve.h"

#include <fmt/format.h>

namespace weir::runtime {


bool EveFile::write(std::string_view line) {
    const std::string whole = fmt::format("{}\n", line);
    if (!file_.make_room(whole.size())) return false;
    // A part of a line is no line: the next one begins on a line of its own.
    return file_.append(file_.is_torn() ? '\n' + whole : whole);
}

void EveFile::deliver(Batch& batch) {
    while (batch.size() != 0) {
        if (write(batch.line(0)))
            batch.delivered(1);
        else
            batch.lost("not written", 1);
    }
}

}  // namespace weir::runtime
