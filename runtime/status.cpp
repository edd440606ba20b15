// Tested by tests/kernel/events_test.cpp with `check_settled`.
#include "runtime/status.h"

namespace weir::runtime {

void add_counts(Account& account, const weir_alert_account& counts) {
    account.matched += counts.matched;
    account.suppressed += counts.suppressed;
    account.lost += counts.lost;
}

void set_pending(Account& account) {
    const std::uint64_t done = account.delivered + account.suppressed + account.lost;
    // Less than nothing cannot be: where it is, the account does not balance, and shows it.
    account.pending = account.matched > done ? account.matched - done : 0;
}

void settle_books(SinkStatus& sink) {
    std::uint64_t by_queue = 0;
    for (const auto& [reason, events] : sink.lost_by) by_queue += events;
    if (sink.lost > by_queue) sink.lost_by["ring full"] += sink.lost - by_queue;
    if (sink.spool) {
        sink.matched += sink.spool->found;
        sink.delivered = sink.spool->delivered;
        for (const auto& [reason, events] : sink.spool->lost_by) {
            sink.lost_by[reason] += events;
            sink.lost += events;
        }
        sink.spooled = sink.spool->spooled;
    }
    set_pending(sink);
    sink.offered = sink.matched - sink.suppressed;
}

}  // namespace weir::runtime
