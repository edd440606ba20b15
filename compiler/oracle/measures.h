// What the oracle measures: the values of each key, by bucket.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "compiler/packet/packet.h"

namespace weir::oracle {

using KeyValue = std::vector<packet::FieldValue>;

// Values by what they have in common: below 8 the value itself, else its first three binary digits and their place.
struct Histogram {
    std::uint64_t sum = 0;  // modulo 2^64
    std::uint64_t largest = 0;
    std::map<std::uint64_t, std::uint64_t> values;  // by the least value of the bucket: how many

    void add(std::uint64_t value);
};

class Measured {
public:
    // A key beyond `size` has no histogram; its values are counted.
    void add(const KeyValue& key, std::uint64_t size, std::uint64_t value);
    const std::map<KeyValue, Histogram>& keys() const { return keys_; }
    std::uint64_t refused() const { return refused_; }

private:
    std::map<KeyValue, Histogram> keys_;
    std::uint64_t refused_ = 0;
};

}  // namespace weir::oracle
