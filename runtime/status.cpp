#include "runtime/status.h"

namespace weir::runtime {

void add_counts(Account& account, const weir_alert_account& counts) {
    account.matched += counts.matched;
    account.suppressed += counts.suppressed;
    account.lost += counts.lost;
}

void settle(Account& account) {
    const std::uint64_t settled = account.delivered + account.suppressed + account.lost;
    // Packets go on while the kernel's numbers are read: one may be lost a moment after `matched` was read.
    if (account.matched < settled) account.matched = settled;
    account.pending = account.matched - settled;
}

}  // namespace weir::runtime
