// Tested by tests/unit/sinks/sent_test.cpp.
#include "runtime/sinks/sent.h"

namespace weir::runtime {

bool Sent::begin(std::string_view id) {
    const bool is_new = entries_.try_emplace(std::string(id)).second;
    if (is_new) ++waiting_;
    return is_new;
}

void Sent::answer(std::string_view id, const char* reason, Fate fate) {
    const auto entry = entries_.find(id);
    if (entry == entries_.end() || entry->second.fate != Fate::kWaiting) return;
    entry->second = {fate, reason};
    --waiting_;
}

void Sent::again(std::string_view id) {
    const auto entry = entries_.find(id);
    if (entry == entries_.end() || entry->second.fate != Fate::kWaiting) return;
    entries_.erase(entry);
    --waiting_;
}

void Sent::all_again() {
    std::erase_if(entries_, [](const auto& entry) { return entry.second.fate == Fate::kWaiting; });
    waiting_ = 0;
}

void Sent::settle(Batch& batch) {
    while (batch.size() != 0) {
        const auto entry = entries_.find(batch.id(0));
        if (entry == entries_.end() || entry->second.fate == Fate::kWaiting) return;
        if (entry->second.fate == Fate::kDelivered)
            batch.delivered(1);
        else
            batch.lost(entry->second.reason, 1);
        entries_.erase(entry);
    }
}

}  // namespace weir::runtime
