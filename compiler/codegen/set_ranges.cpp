// Tested by tests/verdict/operators_test.cpp with `from \"`.
#include "compiler/codegen/set_ranges.h"

#include <algorithm>

#include "compiler/policy/set_element.h"

namespace weir::codegen {
namespace {

constexpr std::uint64_t kOnes = ~std::uint64_t{0};

std::uint64_t after(std::uint64_t number) { return number + 1; }
std::uint32_t after(std::uint32_t number) { return number + 1; }
ir::Address6 after(const ir::Address6& address) {
    return {address.first + (address.second == kOnes ? 1 : 0), address.second + 1};
}

// `first` is not less than the first of any earlier range. If `after` wraps around, the last range already ends at the
// end of the space, and contains the new range.
template <typename T>
void join(std::vector<std::pair<T, T>>& ranges, const T& first, const T& last) {
    if (!ranges.empty() && (first <= ranges.back().second || first == after(ranges.back().second)))
        ranges.back().second = std::max(ranges.back().second, last);
    else
        ranges.push_back({first, last});
}

std::uint64_t largest_of(policy::SetType type) {
    switch (type) {
        case policy::SetType::kU8: return 0xff;
        case policy::SetType::kPort:
        case policy::SetType::kU16: return 0xffff;
        case policy::SetType::kMac: return 0xffff'ffff'ffff;
        default: return 0xffff'ffff;
    }
}

// Zeros, then ones: the 64-bit mask of the host bits of a prefix of `length`.
std::uint64_t open_bits(unsigned length) { return length >= 64 ? 0 : kOnes >> length; }

}  // namespace

bool is_searched(const policy::Set& set) { return set.types.size() == 1 && !has_names(set.types) && !set.dynamic; }

SetRanges set_ranges(const policy::Set& set, RangeLines& lines) {
    SetRanges ranges;
    for (const std::uint64_t number : set.entries.numbers()) join(ranges.numbers, number, number);
    for (const policy::Net4& net : set.entries.nets4())
        join(ranges.ranges4, net.address, net.address | static_cast<std::uint32_t>(open_bits(net.length + 32u)));
    for (const policy::Net6& net : set.entries.nets6()) {
        const unsigned low_length = net.length > 64 ? net.length - 64u : 0;
        join(ranges.ranges6, {net.high, net.low},
             ir::Address6{net.high | open_bits(net.length), net.low | open_bits(low_length)});
    }
    ranges.search = lines.add(ranges.numbers, largest_of(set.types.front()));
    ranges.search4 = lines.add4(ranges.ranges4);
    ranges.search6 = lines.add6(ranges.ranges6);
    if (ranges.search.function != nullptr) ranges.numbers = {};
    if (ranges.search4.function != nullptr) ranges.ranges4 = {};
    if (ranges.search6.function != nullptr) ranges.ranges6 = {};
    return ranges;
}

}  // namespace weir::codegen
