// Tested by tests/unit/runtime/batch_test.cpp.
#include "runtime/sinks/batch.h"

#include "grammar/base/check.h"
#include "runtime/sinks/eve.h"

namespace weir::runtime {

Batch::Batch(std::span<const PackedEvent* const> events, const EndSignal* end) : events_(events), end_(end) {}
Batch::Batch(std::span<const SpooledLine> lines, const EndSignal* end) : lines_(lines), end_(end) {}

Batch::Made& Batch::made(std::size_t i) {
    if (made_.empty()) made_.resize(events_.size());
    return made_[outcomes_.size() + i];
}

std::string_view Batch::line(std::size_t i) {
    WEIR_CHECK(i < size());
    if (!lines_.empty()) return lines_[outcomes_.size() + i].text;
    std::string& line = made(i).line;
    if (line.empty()) {
        line = eve_line(*event(i));
        line.pop_back();
    }
    return line;
}

std::string_view Batch::id(std::size_t i) {
    WEIR_CHECK(i < size());
    if (!lines_.empty()) return lines_[outcomes_.size() + i].id;
    std::string& id = made(i).id;
    if (id.empty()) id = event_id(*event(i));
    return id;
}

void Batch::delivered(std::size_t count) {
    WEIR_CHECK(count <= size());
    outcomes_.insert(outcomes_.end(), count, nullptr);
}

void Batch::lost(const char* reason, std::size_t count) {
    WEIR_CHECK(count <= size() && reason != nullptr);
    outcomes_.insert(outcomes_.end(), count, reason);
}

}  // namespace weir::runtime
