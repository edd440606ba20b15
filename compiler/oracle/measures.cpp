// Tested by tests/verdict/measures_test.cpp with `measures`.
#include "compiler/oracle/measures.h"

#include <algorithm>

namespace weir::oracle {

void Histogram::add(std::uint64_t value) {
    sum += value;
    largest = std::max(largest, value);
    std::uint64_t width = 1;
    while (value / width >= 8) width *= 2;
    ++values[value / width * width];
}

void Measured::add(const KeyValue& key, std::uint64_t size, std::uint64_t value) {
    auto found = keys_.find(key);
    if (found == keys_.end()) {
        if (keys_.size() >= size) {
            ++refused_;
            return;
        }
        found = keys_.try_emplace(key).first;
    }
    found->second.add(value);
}

}  // namespace weir::oracle
