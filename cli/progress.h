// A line on the terminal while something takes more than a second. Nothing is printed without a terminal, with
// TERM=dumb or --quiet, or in the first second.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

namespace weir::cli {

class Progress {
public:
    // `what`: what is done ("checking edge.rules"), shown with the seconds that it takes; with a `total` the things
    // that step() counts ("packets").
    explicit Progress(std::string what, std::uint64_t total = 0);
    ~Progress() { finish(); }
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    void step(std::uint64_t done) { done_.store(done, std::memory_order_relaxed); }
    // Removes the line before something else is printed; it appears again at the next update.
    void hide();
    // Removes the line.
    void finish();

    // Is a line on the terminal now? For a signal handler.
    static bool is_shown();

private:
    using Clock = std::chrono::steady_clock;
    void update();
    std::string line() const;
    void remove();

    std::string what_;
    std::uint64_t total_;
    Clock::time_point begin_ = Clock::now();
    std::atomic<std::uint64_t> done_{0};
    std::mutex mutex_{};  // of what is on the terminal, and of is_finished_
    std::condition_variable finished_{};
    bool is_finished_ = false;
    std::thread thread_{};  // none where nothing is to be shown
};

}  // namespace weir::cli
