// Tested by tests/unit/policy/name_list_test.cpp.
#include "compiler/policy/name_list.h"

#include <algorithm>

#include "grammar/base/check.h"

namespace weir::policy {
namespace {

constexpr std::size_t kLengthBytes = 2, kKeyBytes = 8;
constexpr std::size_t kMostBytes = 0xffffffff;  // that a start can say

// Byte `index` from the end, in the order of sort(); less than any where the name is shorter.
int from_end(std::string_view name, std::size_t index) {
    if (index >= name.size()) return -1;
    const char c = name[name.size() - 1 - index];
    return c == '.' ? 0 : 1 + static_cast<unsigned char>(c);
}

bool is_before(std::string_view a, std::string_view b) {
    for (std::size_t i = kKeyBytes; i < a.size() || i < b.size(); ++i)
        if (const int one = from_end(a, i), other = from_end(b, i); one != other) return one < other;
    return false;
}

// The last bytes, so that most comparisons need not look at the names. Of texts with bytes 0 or 255 it may say less.
std::uint64_t sort_key(std::string_view name) {
    std::uint64_t key = 0;
    for (std::size_t i = 0; i < kKeyBytes; ++i)
        key = key << 8 | static_cast<std::uint64_t>(std::min(from_end(name, i) + 1, 0xff));
    return key;
}

}  // namespace

void NameList::add(std::string_view name) {
    WEIR_CHECK(name.size() <= 0xffff && bytes_.size() + kLengthBytes + name.size() <= kMostBytes);
    starts_.push_back(static_cast<std::uint32_t>(bytes_.size()));
    bytes_.push_back(static_cast<std::uint8_t>(name.size()));
    bytes_.push_back(static_cast<std::uint8_t>(name.size() >> 8));
    bytes_.insert(bytes_.end(), name.begin(), name.end());
}

std::string_view NameList::operator[](std::size_t index) const {
    const std::uint8_t* at = bytes_.data() + starts_[index];
    return {reinterpret_cast<const char*>(at + kLengthBytes), static_cast<std::size_t>(at[0] | at[1] << 8)};
}

void NameList::sort() {
    struct Place {
        std::uint64_t key;
        std::uint32_t index;
    };
    std::vector<Place> order(size());
    for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = {sort_key((*this)[i]), i};
    const auto compare = [this](const Place& a, const Place& b) {
        if (a.key != b.key) return a.key < b.key;
        const std::string_view one = (*this)[a.index], other = (*this)[b.index];
        for (std::size_t i = 0; i < kKeyBytes; ++i)
            if (const int x = from_end(one, i), y = from_end(other, i); x != y) return x < y;
        return is_before(one, other);
    };
    std::sort(order.begin(), order.end(), compare);
    NameList sorted;
    sorted.bytes_.reserve(bytes_.size());
    sorted.starts_.reserve(order.size());
    for (const Place& place : order)
        if (const std::string_view name = (*this)[place.index]; sorted.size() == 0 || sorted[sorted.size() - 1] != name)
            sorted.add(name);
    *this = std::move(sorted);
}

std::size_t NameList::suffixes() const {
    std::size_t count = 0;
    for (std::size_t i = 0; i < size(); ++i) {
        const std::string_view name = (*this)[i], before = i == 0 ? std::string_view() : (*this)[i - 1];
        count += 1 + static_cast<std::size_t>(std::count(name.begin(), name.end(), '.'));
        // Those that the name before it has as well: as many as there are dots, and ends, in what both end in.
        std::size_t same = 0;
        while (same < name.size() && same < before.size() && from_end(name, same) == from_end(before, same)) {
            count -= name[name.size() - 1 - same] == '.' ? 1 : 0;
            ++same;
        }
        if (same != 0 && same == before.size() && from_end(name, same) == 0) --count;
    }
    return count;
}

}  // namespace weir::policy
