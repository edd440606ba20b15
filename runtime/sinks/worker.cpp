// Tested by tests/unit/runtime/worker_test.cpp.
#include "runtime/sinks/worker.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <utility>

#include "runtime/kernel.h"

namespace weir::runtime {
namespace {

using std::chrono::milliseconds;

constexpr std::uint32_t kEndingBackoff_ms = 50;  // the engine ends: the peer may still come back
constexpr milliseconds kPrepare{2000};           // that the constructor waits
constexpr std::uint64_t kMillisecond_ns = 1'000'000;

// Signals are the engine's thread's.
std::thread start_thread(auto run) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    std::thread thread(run);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return thread;
}

}  // namespace

Worker::Worker(std::unique_ptr<Sink> sink, int wake_fd)
    : sink_(std::move(sink)),
      wake_fd_(wake_fd),
      backoff_(static_cast<unsigned>(monotonic_ns())),
      thread_(start_thread([this] { run(); })) {
    std::unique_lock lock(mutex_);
    woken_.wait_for(lock, kPrepare, [this] { return is_prepared_; });
}

Worker::~Worker() {
    give_up_at(0, "stopped");
    end();
    thread_.join();
}

void Worker::push(std::vector<const PackedEvent*>& events) {
    const std::lock_guard lock(mutex_);
    if (first_ >= waiting_.size() / 2) {  // what was taken makes room; each event moves once at most
        waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(first_));
        first_ = 0;
    }
    waiting_.insert(waiting_.end(), events.begin(), events.end());
    events.clear();
    woken_.notify_one();
}

void Worker::collect(std::vector<Settled>& into) {
    const std::lock_guard lock(mutex_);
    into.insert(into.end(), settled_.begin(), settled_.end());
    settled_.clear();
}

void Worker::reopen() {
    const std::lock_guard lock(mutex_);
    wants_reopen_ = true;
    woken_.notify_one();
}

void Worker::note(std::string line) {
    const std::lock_guard lock(mutex_);
    if (notes_.size() >= kMostNotes) notes_.erase(notes_.begin());
    notes_.push_back(std::move(line));
    woken_.notify_one();
}

void Worker::hand_on_notes() {
    std::vector<std::string> notes;
    {
        const std::lock_guard lock(mutex_);
        notes.swap(notes_);
    }
    for (const std::string& line : notes) sink_->note(line);
}

void Worker::give_up_at(std::uint64_t deadline_ns, const char* reason) {
    give_up_reason_ = reason;
    deadline_ns_ = deadline_ns;
    const std::lock_guard lock(mutex_);
    woken_.notify_one();
}

void Worker::go_on() { deadline_ns_ = ~std::uint64_t{0}; }

void Worker::end() {
    end_.set();
    const std::lock_guard lock(mutex_);
    woken_.notify_one();
}

Worker::State Worker::state() const {
    const std::lock_guard lock(mutex_);
    return state_;
}

const char* Worker::given_up() const { return monotonic_ns() >= deadline_ns_ ? give_up_reason_.load() : nullptr; }

void Worker::publish_state() {
    std::string text = sink_->state();
    std::optional<SpoolStatus> spool = sink_->spool();
    const std::lock_guard lock(mutex_);
    if (text != state_.text) {
        state_.text = std::move(text);
        state_.since_ns = realtime_ns();
    }
    state_.spool = std::move(spool);
}

void Worker::run() {
    sink_->prepare();
    publish_state();
    {
        const std::lock_guard lock(mutex_);
        is_prepared_ = true;
        state_.since_ns = 0;
        woken_.notify_all();
    }
    std::vector<const PackedEvent*> events;
    while (wait_for_events(events)) {
        if (wants_reopen_.exchange(false)) {
            sink_->reopen();
            publish_state();
        }
        hand_on_notes();
        if (!events.empty()) work(events);
    }
    sink_.reset();  // here, so that sinks whose peers are slow to part end at the same time
    has_ended_.store(true, std::memory_order_release);
    eventfd_write(wake_fd_, 1);
}

// False: the end, and nothing waits. A sink that keeps events on disk is asked for its state now and then.
bool Worker::wait_for_events(std::vector<const PackedEvent*>& events) {
    events.clear();
    const std::size_t most = sink_->batch_size();
    std::unique_lock lock(mutex_);
    const auto count = [this] { return waiting_.size() - first_; };
    const auto is_woken = [&] { return count() != 0 || wants_reopen_ || !notes_.empty() || end_.is_set(); };
    constexpr milliseconds kLook{1000};
    while (!woken_.wait_for(lock, kLook, is_woken)) {
        lock.unlock();
        publish_state();
        lock.lock();
    }
    if (count() != 0 && count() < most && sink_->gather_ms() != 0)
        woken_.wait_for(lock, milliseconds(sink_->gather_ms()), [&] { return count() >= most || end_.is_set(); });
    const std::size_t taken = std::min(most, count());
    const auto begin = waiting_.begin() + static_cast<std::ptrdiff_t>(first_);
    events.assign(begin, begin + static_cast<std::ptrdiff_t>(taken));
    first_ += taken;
    return taken != 0 || !end_.is_set();
}

void Worker::work(const std::vector<const PackedEvent*>& events) {
    Batch batch(events, &end_);
    while (batch.size() != 0) {
        const std::size_t before = batch.outcomes().size();
        if (const char* reason = given_up(); reason != nullptr)
            batch.lost(reason, batch.size());
        else
            sink_->deliver(batch);
        const auto progress = batch.outcomes().size() != before ? Backoff::Progress::kSome : Backoff::Progress::kNone;
        publish_state();
        settle(events, batch, before);
        if (batch.size() == 0) break;
        pause(backoff_.next_ms(progress, batch.retry_after_ms()));
        batch.retry_after(0);
        if (wants_reopen_.exchange(false)) sink_->reopen();
    }
    backoff_.reset();
}

void Worker::settle(const std::vector<const PackedEvent*>& events, const Batch& batch, std::size_t from) {
    const auto outcomes = batch.outcomes();
    if (from == outcomes.size()) return;
    {
        const std::lock_guard lock(mutex_);
        for (std::size_t i = from; i < outcomes.size(); ++i) settled_.push_back({events[i], outcomes[i]});
    }
    eventfd_write(wake_fd_, 1);
}

void Worker::pause(std::uint32_t ms) {
    const std::uint64_t until_ns = monotonic_ns() + ms * kMillisecond_ns;
    std::unique_lock lock(mutex_);
    for (;;) {
        const std::uint64_t now_ns = monotonic_ns();
        if (now_ns >= std::min(until_ns, deadline_ns_.load()) || wants_reopen_) return;
        const std::uint64_t left_ms = (until_ns - now_ns) / kMillisecond_ns + 1;
        if (end_.is_set()) {
            woken_.wait_for(lock, milliseconds(std::min<std::uint64_t>(left_ms, kEndingBackoff_ms)));
            return;
        }
        woken_.wait_for(lock, milliseconds(std::min<std::uint64_t>(left_ms, 1000)));
    }
}

}  // namespace weir::runtime
