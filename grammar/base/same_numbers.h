// For a static_assert beside a cast from one enum to another.
#pragma once

#include <initializer_list>
#include <utility>

namespace weir {

// The two values of each pair have the same number.
template <typename A, typename B>
constexpr bool same_numbers(std::initializer_list<std::pair<A, B>> pairs) {
    for (const auto& [a, b] : pairs)
        if (static_cast<unsigned long long>(a) != static_cast<unsigned long long>(b)) return false;
    return true;
}

}  // namespace weir
