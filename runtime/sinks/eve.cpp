// Tested by tests/unit/runtime/eve_test.cpp.
#include "runtime/sinks/eve.h"

#include <algorithm>

namespace weir::runtime {

// One line at least, and no more than the file takes at once, or before it has to be rotated.
void EveFile::fill(Batch& batch) {
    const std::uint64_t room = std::min<std::uint64_t>(file_.room(), file_.piece_bytes());
    lines_.clear();
    for (std::size_t i = 0; i < batch.size() && lines_.text.size() < room; ++i) lines_.add_eve(batch, i);
    if (lines_.count() > 1 && lines_.text.size() > room) lines_.drop_last();
}

void EveFile::deliver(Batch& batch) {
    while (batch.size() != 0) {
        if (!file_.make_room(1)) return batch.lost(file_.loss_reason(), batch.size());
        fill(batch);
        const std::string_view text = lines_.text.text();
        if (text.size() > file_.room() && !file_.make_room(text.size()))
            return batch.lost(file_.loss_reason(), batch.size());
        const std::size_t whole = file_.append_lines(text);
        batch.delivered(lines_.within(whole));
        if (whole != text.size()) return batch.lost(file_.loss_reason(), batch.size());
    }
}

void EveFile::note(std::string_view line) {
    const std::string whole = std::string(line) + '\n';
    if (file_.make_room(whole.size())) file_.append_lines(whole);
}

}  // namespace weir::runtime
