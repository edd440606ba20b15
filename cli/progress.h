// A progress line on the terminal. Nothing is printed without a terminal, or in the first second.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace weir::cli {

class Progress {
public:
    // `what`: the things that are counted, "packets". `total` 0: unknown.
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
