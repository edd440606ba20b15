// Tested by tests/unit/policy/set_element_test.cpp with `parse_element`.
#include "compiler/policy/set_entries.h"

#include <algorithm>
#include <concepts>
#include <numeric>

#include "grammar/base/check.h"

namespace weir::policy {
namespace {

template <typename T>
void sort_distinct(std::vector<T>& values) {
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
}

// Entries of `width` elements each.
void sort_rows(std::vector<SetElement>& rows, std::size_t width) {
    std::vector<std::size_t> order(rows.size() / width);
    std::iota(order.begin(), order.end(), std::size_t{0});
    const auto at = [&](std::size_t row) { return rows.begin() + static_cast<std::ptrdiff_t>(row * width); };
    const auto span = static_cast<std::ptrdiff_t>(width);
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return std::lexicographical_compare(at(a), at(a) + span, at(b), at(b) + span);
    });
    order.erase(std::unique(order.begin(), order.end(),
                            [&](std::size_t a, std::size_t b) { return std::equal(at(a), at(a) + span, at(b)); }),
                order.end());
    std::vector<SetElement> sorted;
    sorted.reserve(order.size() * width);
    for (const std::size_t row : order) sorted.insert(sorted.end(), at(row), at(row) + span);
    rows = std::move(sorted);
}

}  // namespace

Net4 net4_of(const IpAddress& address, std::uint8_t length) {
    Net4 net{0, length};
    for (std::size_t i = 0; i < 4; ++i) net.address = net.address << 8 | address.bytes[i];
    return net;
}

Net6 net6_of(const IpAddress& address, std::uint8_t length) {
    Net6 net{0, 0, length};
    for (std::size_t i = 0; i < 8; ++i) {
        net.high = net.high << 8 | address.bytes[i];
        net.low = net.low << 8 | address.bytes[i + 8];
    }
    return net;
}

void SetEntries::add(const std::vector<SetType>& types, const std::vector<SetElement>& entry) {
    WEIR_CHECK(types.size() == entry.size() && !types.empty());
    if (types.size() > 1) {
        width_ = types.size();
        rows_.insert(rows_.end(), entry.begin(), entry.end());
        return;
    }
    const SetElement& element = entry.front();
    if (types.front() != SetType::kIp && types.front() != SetType::kNet) {
        numbers_.push_back(element.number);
        return;
    }
    const bool whole = types.front() == SetType::kIp;
    if (element.address.version == 4)
        nets4_.push_back(net4_of(element.address, whole ? 32 : element.prefix_length));
    else
        nets6_.push_back(net6_of(element.address, whole ? 128 : element.prefix_length));
}

void SetEntries::sort() {
    sort_distinct(nets4_);
    sort_distinct(nets6_);
    sort_distinct(numbers_);
    names_.sort();
    sort_rows(rows_, width_);
}

namespace {

template <std::unsigned_integral Word>
void put_word(Word word, std::uint8_t* bytes) {
    for (std::size_t i = sizeof(word); i-- > 0; word = static_cast<Word>(word >> 8))
        bytes[i] = static_cast<std::uint8_t>(word);
}

}  // namespace

std::vector<SetElement> SetEntries::entry(std::size_t index) const {
    WEIR_CHECK(index < size() && names_.size() == 0);
    SetElement element;
    if (index < nets4_.size()) {
        put_word(nets4_[index].address, element.address.bytes.data());
        element.prefix_length = nets4_[index].length;
        return {element};
    }
    index -= nets4_.size();
    if (index < nets6_.size()) {
        element.address.version = 6;
        put_word(nets6_[index].high, element.address.bytes.data());
        put_word(nets6_[index].low, element.address.bytes.data() + sizeof(std::uint64_t));
        element.prefix_length = nets6_[index].length;
        return {element};
    }
    index -= nets6_.size();
    if (index < numbers_.size()) {
        element.number = numbers_[index];
        return {element};
    }
    const auto first = rows_.begin() + static_cast<std::ptrdiff_t>((index - numbers_.size()) * width_);
    return {first, first + static_cast<std::ptrdiff_t>(width_)};
}

}  // namespace weir::policy
