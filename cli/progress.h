// A line on the terminal that says how far long work has come. Silent where nobody watches, and for the first second.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace weir::cli {

class Progress {
public:
    // `what` is counted: "packets". `total` 0: unknown.
    explicit Progress(std::string what, std::uint64_t total = 0);
    ~Progress() { finish(); }
    void step(std::uint64_t done);
    // Removes the line.
    void finish();

private:
    using Clock = std::chrono::steady_clock;
    std::string what_;
    std::uint64_t total_;
    bool watched_;
    bool shown_ = false;
    Clock::time_point next_;
};

}  // namespace weir::cli
