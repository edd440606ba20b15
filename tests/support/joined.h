// Texts of policies that repeat themselves.
#pragma once

#include <cstddef>
#include <string>

namespace weir::tests {

// make(0) to make(count - 1), with `between` between them.
template <typename Make>
std::string joined(std::size_t count, const char* between, Make make) {
    std::string out;
    for (std::size_t i = 0; i < count; ++i) {
        out += i == 0 ? "" : between;
        out += make(i);
    }
    return out;
}

}  // namespace weir::tests
