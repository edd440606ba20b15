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

}  // namespace weir::runtime
