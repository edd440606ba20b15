// Numbers that are the same for the same seed on every machine and library (splitmix64).
#pragma once

#include <cstdint>

namespace weir::bench {

class Seeded {
public:
    explicit Seeded(std::uint64_t seed) : state_(seed) {}
    std::uint64_t next() {
        std::uint64_t z = state_ += 0x9e3779b97f4a7c15u;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        return z ^ z >> 31;
    }
    std::uint32_t word() { return static_cast<std::uint32_t>(next() >> 32); }
    // 0 to `limit` - 1; `limit` is not 0.
    std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(std::uint64_t{word()} * limit >> 32); }
    bool one_in(std::uint32_t chances) { return below(chances) == 0; }

private:
    std::uint64_t state_;
};

}  // namespace weir::bench
