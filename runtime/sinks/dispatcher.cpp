// Tested by tests/unit/runtime/dispatcher_test.cpp.
#include "runtime/sinks/dispatcher.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <thread>

#include "runtime/kernel.h"

namespace weir::runtime {
namespace {

constexpr std::uint64_t kQueue = 65'536;  // events, where the policy does not say
// What a sink gets that no policy in force names: its peer may be starting anew.
constexpr std::uint64_t kFarewell_ns = 30'000'000'000;

bool has(const std::vector<SinkId>& sinks, SinkId id) {
    return std::find(sinks.begin(), sinks.end(), id) != sinks.end();
}

}  // namespace

Dispatcher::Dispatcher(MakeSink make) : make_(make), woken_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

std::vector<SinkId> Dispatcher::adopt(const std::vector<bpf::SinkInfo>& sinks) {
    std::vector<SinkId> ids;
    for (const bpf::SinkInfo& declared : sinks) {
        const auto known = std::find_if(sinks_.begin(), sinks_.end(),
                                        [&](const auto& entry) { return entry.second.declared == declared; });
        if (known != sinks_.end()) {
            ids.push_back(known->first);
            continue;
        }
        ids.push_back(next_);
        sinks_.emplace(next_++,
                       Entry{declared,
                             std::make_unique<Worker>(make_ != nullptr ? make_(declared) : make_sink(declared, host_),
                                                      woken_.get()),
                             declared.number(bpf::SinkWord::kQueue, kQueue)});
    }
    return ids;
}

void Dispatcher::keep_only(const std::vector<SinkId>& sinks) {
    std::erase_if(sinks_, [&](const auto& entry) { return !has(sinks, entry.first) && entry.second.unsettled == 0; });
}

void Dispatcher::in_force(const std::vector<SinkId>& sinks) {
    for (auto& [id, entry] : sinks_) {
        const bool gives_up = !has(sinks, id);
        if (gives_up == entry.gives_up) continue;
        entry.gives_up = gives_up;
        if (gives_up)
            entry.worker->give_up_at(monotonic_ns() + kFarewell_ns, "its policy has ended");
        else
            entry.worker->go_on();
    }
}

void Dispatcher::push(const PackedEvent& event, SinkId sink) {
    Entry& entry = sinks_.at(sink);
    if (entry.unsettled == entry.queue) {
        ++entry.account.lost;
        ++entry.lost_by["queue full"];
        refused_.emplace_back(&event, Outcome::kLost);
        return;
    }
    ++entry.unsettled;
    entry.pushed.push_back(&event);
}

void Dispatcher::flush() {
    for (auto& [id, entry] : sinks_)
        if (!entry.pushed.empty()) entry.worker->push(entry.pushed);
}

void Dispatcher::collect_from(Entry& entry, const Take& take) {
    settled_.clear();
    entry.worker->collect(settled_);
    entry.unsettled -= settled_.size();
    for (const Worker::Settled& one : settled_) {
        ++(one.lost == nullptr ? entry.account.delivered : entry.account.lost);
        if (one.lost != nullptr) ++entry.lost_by[one.lost];
        take(*one.event, one.lost == nullptr ? Outcome::kDelivered : Outcome::kLost);
    }
}

void Dispatcher::collect(const Take& take) {
    eventfd_t ignored = 0;
    eventfd_read(woken_.get(), &ignored);
    for (auto& [id, entry] : sinks_) collect_from(entry, take);
    for (const auto& [event, outcome] : std::exchange(refused_, {})) take(*event, outcome);
}

void Dispatcher::reopen() {
    for (auto& [id, entry] : sinks_) entry.worker->reopen();
}

void Dispatcher::note(const std::string& line) {
    for (auto& [id, entry] : sinks_)
        if (!entry.gives_up) entry.worker->note(line);
}

void Dispatcher::end(std::uint64_t within_ms) {
    flush();
    for (auto& [id, entry] : sinks_) {
        entry.worker->give_up_at(monotonic_ns() + within_ms * 1'000'000, "stopped");
        entry.worker->end();
    }
    for (auto& [id, entry] : sinks_)
        while (!entry.worker->has_ended()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

void Dispatcher::add(SinkId sink, const weir_alert_account& counts) { add_counts(sinks_.at(sink).account, counts); }

SinkStatus Dispatcher::status(SinkId sink) const {
    const Entry& known = sinks_.at(sink);
    SinkStatus status;
    static_cast<Account&>(status) = known.account;
    status.name = known.declared.name;
    status.kind = std::string(sink_kind_name(known.declared.kind));
    status.lost_by = known.lost_by;
    Worker::State state = known.worker->state();
    status.state = std::move(state.text);
    if (state.since_ns != 0) status.since = rfc3339(state.since_ns);
    status.spool = std::move(state.spool);
    return status;
}

}  // namespace weir::runtime
