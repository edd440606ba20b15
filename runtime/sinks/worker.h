// The thread of one sink: its queue, tries that are repeated, and what became of each event.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "runtime/sinks/backoff.h"
#include "runtime/sinks/batch.h"
#include "runtime/sinks/end_signal.h"
#include "runtime/sinks/sink.h"

namespace weir::runtime {

class Worker {
public:
    struct Settled {
        const PackedEvent* event;
        const char* lost;  // null: delivered; else the reason
    };
    struct State {
        std::string text = "ok";
        std::uint64_t since_ns = 0;  // CLOCK_REALTIME; 0: from the start
        std::optional<SpoolStatus> spool{};
    };

    // `wake_fd`: an eventfd that is written to where collect() has something. Prepares the sink before it returns, or
    // goes on while the sink does, if that takes long.
    Worker(std::unique_ptr<Sink> sink, int wake_fd);
    // end(), and waits for the thread.
    ~Worker();

    // Takes the events; each comes back from collect().
    void push(std::vector<const PackedEvent*>& events);
    void collect(std::vector<Settled>& into);
    // The sink opens anew, before it gets the next batch.
    void reopen();
    // Sink::note(); of more than kMostNotes that wait, the oldest one is dropped.
    void note(std::string line);
    static constexpr std::size_t kMostNotes = 64;
    // What is not settled by then (CLOCK_MONOTONIC) is lost for this reason, a literal.
    void give_up_at(std::uint64_t deadline_ns, const char* reason);
    void go_on();  // takes give_up_at() back
    // The thread ends once the queue is empty; with give_up_at(), soon after that at the latest.
    void end();
    bool has_ended() const { return has_ended_.load(std::memory_order_acquire); }
    State state() const;

private:
    void run();
    bool wait_for_events(std::vector<const PackedEvent*>& events);
    void work(const std::vector<const PackedEvent*>& events);
    void settle(const std::vector<const PackedEvent*>& events, const Batch& batch, std::size_t from);
    void pause(std::uint32_t ms);
    void publish_state();
    void hand_on_notes();
    const char* given_up() const;

    std::unique_ptr<Sink> sink_;
    int wake_fd_;
    EndSignal end_{};
    std::atomic<bool> has_ended_ = false;
    std::atomic<std::uint64_t> deadline_ns_ = ~std::uint64_t{0};
    std::atomic<const char*> give_up_reason_ = nullptr;
    std::atomic<bool> wants_reopen_ = false;
    Backoff backoff_;

    mutable std::mutex mutex_{};  // of what follows
    std::condition_variable woken_{};
    std::vector<const PackedEvent*> waiting_{};
    std::size_t first_ = 0;  // of waiting_
    std::vector<Settled> settled_{};
    std::vector<std::string> notes_{};
    State state_{};
    bool is_prepared_ = false;

    std::thread thread_;  // last: it uses all of the above
};

}  // namespace weir::runtime
