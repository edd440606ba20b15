// Numbers that a seed repeats, on every machine and with every library (splitmix64: Steele, Lea, Flood 2014). A test
// that fails prints its seed. Not against an attacker.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

namespace weir {

class Seeded {
public:
    explicit Seeded(std::uint64_t seed) : state_(seed) {}
    std::uint64_t next() {
        std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
        z = (z ^ z >> 27) * 0x94d049bb133111eb;
        return z ^ z >> 31;
    }
    // 0 to `limit` - 1; 0 where that is none.
    std::uint64_t below(std::uint64_t limit) { return limit == 0 ? 0 : next() % limit; }
    // Both ends included.
    std::uint64_t between(std::uint64_t first, std::uint64_t last) {
        return last - first == ~std::uint64_t{0} ? next() : first + below(last - first + 1);
    }
    std::uint32_t word() { return static_cast<std::uint32_t>(next() >> 32); }
    std::uint32_t below32(std::uint32_t limit) {
        return static_cast<std::uint32_t>(std::uint64_t{word()} * limit >> 32);
    }
    bool one_in(std::uint64_t chances) { return below(chances) == 0; }
    template <typename T>
    const T& of(const std::vector<T>& values) {
        return values[below(values.size())];
    }

    // For std::shuffle and its like.
    using result_type = std::uint64_t;
    static constexpr std::uint64_t min() { return 0; }
    static constexpr std::uint64_t max() { return std::numeric_limits<std::uint64_t>::max(); }
    std::uint64_t operator()() { return next(); }

private:
    std::uint64_t state_;
};

}  // namespace weir
