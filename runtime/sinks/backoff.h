// How long to wait before what failed is tried again.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>

namespace weir::runtime {

class Backoff {
public:
    static constexpr std::uint32_t kFirst_ms = 100, kMost_ms = 30'000;

    enum class Progress : std::uint8_t { kNone, kSome };

    explicit Backoff(unsigned seed) : random_(seed) {}
    void reset() { last_ms_ = 0; }
    // Doubles from call to call, but for one after progress. `wanted_ms`: what the peer asks for, in its place; 0:
    // nothing. Up to a quarter longer, so that engines that lost the same peer do not all come back at once.
    std::uint32_t next_ms(Progress progress, std::uint32_t wanted_ms) {
        last_ms_ = progress == Progress::kSome || last_ms_ == 0 ? kFirst_ms : std::min(last_ms_ * 2, kMost_ms);
        const std::uint32_t ms = wanted_ms != 0 ? wanted_ms : last_ms_;
        return ms + static_cast<std::uint32_t>(random_() % (std::max(ms / 4, 1u) + 1));
    }

private:
    std::uint32_t last_ms_ = 0;
    std::minstd_rand random_;
};

}  // namespace weir::runtime
