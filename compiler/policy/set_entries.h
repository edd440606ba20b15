// The entries of a set, compact: a file may have four million.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "compiler/policy/name_list.h"
#include "grammar/value.h"

namespace weir::policy {

// kText: of sets that are made of a literal of strings.
enum class SetType : std::uint8_t { kIp, kNet, kPort, kMac, kDomain, kU8, kU16, kU32, kText };

// One value of a type. Integers (ports, u8…u32) in `number`, MACs as 48-bit numbers.
struct SetElement {
    IpAddress address;
    std::uint8_t prefix_length = 0;  // kNet only
    std::uint64_t number = 0;

    friend auto operator<=>(const SetElement&, const SetElement&) = default;
};

// A network as a number, host bits zero; an address has the whole length.
struct Net4 {
    std::uint32_t address = 0;
    std::uint8_t length = 32;
    friend auto operator<=>(const Net4&, const Net4&) = default;
};
struct Net6 {
    std::uint64_t high = 0, low = 0;
    std::uint8_t length = 128;
    friend auto operator<=>(const Net6&, const Net6&) = default;
};

class SetEntries {
public:
    // An element a type. Entries are in order only after sort().
    void add(const std::vector<SetType>& types, const std::vector<SetElement>& entry);
    // Of a set of kDomain or kText; a name as packets have it.
    void add_name(std::string_view name) { names_.add(name); }
    // Sorted, each entry once.
    void sort();

    std::size_t size() const {
        return nets4_.size() + nets6_.size() + numbers_.size() + names_.size() + rows_.size() / width_;
    }
    bool empty() const { return size() == 0; }
    // Entry `index`, an element a type: for who looks at few. Not of names.
    std::vector<SetElement> entry(std::size_t index) const;

    // One type, addresses or networks.
    const std::vector<Net4>& nets4() const { return nets4_; }
    const std::vector<Net6>& nets6() const { return nets6_; }
    // One type, not addresses.
    const std::vector<std::uint64_t>& numbers() const { return numbers_; }
    // kDomain, kText.
    const NameList& names() const { return names_; }
    // Tuples: `width()` elements an entry, one entry after another.
    const std::vector<SetElement>& rows() const { return rows_; }
    std::size_t width() const { return width_; }

private:
    std::vector<Net4> nets4_;
    std::vector<Net6> nets6_;
    std::vector<std::uint64_t> numbers_;
    NameList names_;
    std::vector<SetElement> rows_;
    std::size_t width_ = 1;
};

Net4 net4_of(const IpAddress& address, std::uint8_t length);
Net6 net6_of(const IpAddress& address, std::uint8_t length);

}  // namespace weir::policy
