// Tested by tests/unit/runtime/spool_test.cpp with `SpooledSink`.
#include "runtime/sinks/spooled.h"

#include <poll.h>

#include <algorithm>
#include <iterator>

#include "runtime/kernel.h"

namespace weir::runtime {
namespace {

constexpr int kLook_ms = 200;                        // lines that come wake nobody
constexpr std::uint64_t kFarewell_ns = 500'000'000;  // at the end, for a peer that is well

}  // namespace

SpooledSink::SpooledSink(std::unique_ptr<Sink> sink, std::string folder, std::uint64_t max_bytes)
    : sink_(std::move(sink)),
      folder_(std::move(folder)),
      max_bytes_(max_bytes),
      backoff_(static_cast<unsigned>(monotonic_ns())) {}

SpooledSink::~SpooledSink() {
    if (!sender_.joinable()) return;
    const std::uint64_t until_ns = monotonic_ns() + kFarewell_ns;
    while (monotonic_ns() < until_ns && spool_->lines() != 0 && state() == "ok")
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    end_.set();
    sender_.join();
}

bool SpooledSink::open() {
    if (spool_) return true;
    auto spool = Spool::open(folder_, max_bytes_);
    if (!spool) {
        problem_ = spool.error().message;
        return false;
    }
    problem_.clear();
    spool_ = std::move(*spool);
    status_.found = spool_->found();
    sender_ = std::thread([this] { send(); });
    return true;
}

void SpooledSink::prepare() { open(); }

void SpooledSink::deliver(Batch& batch) {
    if (!open()) return;  // the one before it has the folder still, or there is none to be had: again later
    while (batch.size() != 0) {
        const char* refused = spool_->append(batch.id(0), batch.line(0));
        if (refused == nullptr)
            batch.delivered(1);
        else
            batch.lost(refused, 1);
        problem_ = refused == nullptr ? "" : refused;
    }
    spool_->sync();
}

std::string SpooledSink::state() const {
    if (!problem_.empty()) return problem_;
    const std::lock_guard lock(mutex_);
    return sent_state_;
}

std::optional<SpoolStatus> SpooledSink::spool() const {
    if (!spool_) return std::nullopt;
    const std::lock_guard lock(mutex_);
    SpoolStatus status = status_;
    status.spooled = spool_->lines();
    status.bytes = spool_->bytes();
    status.max_bytes = max_bytes_;
    if (const std::uint64_t damaged = spool_->damaged(); damaged != 0) status.lost_by["spool damaged"] = damaged;
    return status;
}

void SpooledSink::publish_state() {
    std::string state = sink_->state();
    if (state == "ok" && !spool_->problem().empty()) state = spool_->problem();
    const std::lock_guard lock(mutex_);
    sent_state_ = std::move(state);
}

void SpooledSink::send() {
    sink_->prepare();
    publish_state();
    while (!end_.is_set()) {
        if (spool_->lines() != 0) {
            send_some();
            continue;
        }
        pollfd wake{end_.fd(), POLLIN, 0};
        poll(&wake, 1, kLook_ms);
    }
}

void SpooledSink::send_some() {
    const std::vector<SpooledLine> lines = spool_->first(sink_->batch_size());
    if (lines.empty()) return;
    Batch batch(lines, &end_);
    while (batch.size() != 0 && !end_.is_set()) {
        const std::size_t before = batch.outcomes().size();
        sink_->deliver(batch);
        const auto outcomes = batch.outcomes().subspan(before);
        {
            const std::lock_guard lock(mutex_);
            for (const char* lost : outcomes) ++(lost == nullptr ? status_.delivered : status_.lost_by[lost]);
        }
        spool_->settle(outcomes.size());
        publish_state();
        if (batch.size() == 0) break;
        const auto progress = outcomes.empty() ? Backoff::Progress::kNone : Backoff::Progress::kSome;
        pollfd wake{end_.fd(), POLLIN, 0};
        poll(&wake, 1, static_cast<int>(backoff_.next_ms(progress, batch.retry_after_ms())));
        batch.retry_after(0);
    }
    if (batch.size() == 0) backoff_.reset();
}

}  // namespace weir::runtime
