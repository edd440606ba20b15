// Tested by tests/unit/service/proposal_test.cpp with `TriageInbox`.
#include "service/triage_inbox.h"

#include <sys/eventfd.h>

#include <utility>

namespace weir::service {

TriageInbox::TriageInbox(ProposalOptions options)
    : options_(std::move(options)), ready_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

void TriageInbox::take(runtime::TriageNote note) {
    const std::lock_guard lock(mutex_);
    if (notes_.size() >= kMost) notes_.erase(notes_.begin());
    notes_.push_back(std::move(note));
    eventfd_write(ready_.get(), 1);
}

std::vector<runtime::TriageNote> TriageInbox::taken() {
    const std::lock_guard lock(mutex_);
    eventfd_t count = 0;
    eventfd_read(ready_.get(), &count);
    return std::exchange(notes_, {});
}

}  // namespace weir::service
