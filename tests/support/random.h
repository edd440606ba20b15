// Numbers that a seed repeats, on every machine alike.
#pragma once

#include <cstdint>
#include <vector>

namespace weir::tests {

class Random {
public:
    explicit Random(std::uint64_t seed) : state_(seed) {}
    // splitmix64 (Steele, Lea, Flood 2014).
    std::uint64_t next() {
        std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
        z = (z ^ z >> 27) * 0x94d049bb133111eb;
        return z ^ z >> 31;
    }
    // 0 to n - 1.
    std::uint64_t below(std::uint64_t n) { return n == 0 ? 0 : next() % n; }
    std::uint64_t between(std::uint64_t first, std::uint64_t last) { return first + below(last - first + 1); }
    // The same, of 32 bits.
    std::uint32_t word() { return static_cast<std::uint32_t>(next() >> 32); }
    std::uint32_t below32(std::uint32_t n) { return static_cast<std::uint32_t>(std::uint64_t{word()} * n >> 32); }
    bool one_in(std::uint64_t n) { return below(n) == 0; }
    template <typename T>
    const T& of(const std::vector<T>& values) {
        return values[below(values.size())];
    }

private:
    std::uint64_t state_;
};

}  // namespace weir::tests
