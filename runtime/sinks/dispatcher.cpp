// Tested by tests/unit/runtime/sinks_test.cpp.
#include "runtime/sinks/dispatcher.h"

#include <algorithm>

namespace weir::runtime {
namespace {

bool same(const bpf::SinkInfo& a, const bpf::SinkInfo& b) {
    return a.name == b.name && a.kind == b.kind && a.path == b.path && a.rotate_bytes == b.rotate_bytes &&
           a.keep == b.keep;
}

}  // namespace

std::vector<SinkId> Dispatcher::adopt(const std::vector<bpf::SinkInfo>& sinks) {
    std::vector<SinkId> ids;
    for (const bpf::SinkInfo& declared : sinks) {
        const auto known = std::find_if(sinks_.begin(), sinks_.end(),
                                        [&](const auto& entry) { return same(entry.second.declared, declared); });
        if (known != sinks_.end()) {
            ids.push_back(known->first);
            continue;
        }
        ids.push_back(next_);
        const auto added = sinks_.emplace(next_++, Entry{declared, make_(declared)}).first;
        added->second.sink->prepare();
    }
    return ids;
}

void Dispatcher::keep_only(const std::vector<SinkId>& sinks) {
    std::erase_if(sinks_,
                  [&](const auto& entry) { return std::find(sinks.begin(), sinks.end(), entry.first) == sinks.end(); });
}

bool Dispatcher::deliver(const Event& event, const std::vector<SinkId>& sinks) {
    bool all = true;
    for (const SinkId id : sinks) {
        Entry& entry = sinks_.at(id);
        const bool taken = entry.sink->deliver(event);
        ++(taken ? entry.account.delivered : entry.account.lost);
        all = all && taken;
    }
    return all;
}

void Dispatcher::reopen() {
    for (auto& [id, entry] : sinks_) entry.sink->reopen();
}

void Dispatcher::add(SinkId sink, const weir_alert_account& counts) { add_counts(sinks_.at(sink).account, counts); }

SinkStatus Dispatcher::status(SinkId sink) const {
    const Entry& known = sinks_.at(sink);
    SinkStatus status;
    static_cast<Account&>(status) = known.account;
    status.name = known.declared.name;
    status.state = known.sink->state();
    return status;
}

}  // namespace weir::runtime
