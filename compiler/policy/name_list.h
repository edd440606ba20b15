// Many names or texts in one piece of memory: a set file may have four million.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace weir::policy {

class NameList {
public:
    // At most 65,535 bytes. In order only after sort().
    void add(std::string_view name);
    // By their last bytes first, a dot before every other byte: each name stands before those under it. Each once.
    void sort();

    std::size_t size() const { return starts_.size(); }
    std::string_view operator[](std::size_t index) const;
    // Two bytes of length (the lower one first), then the name, and so on: compiler/object.h, each_name().
    const std::vector<std::uint8_t>& bytes() const { return bytes_; }
    // Suffixes of all names, label by label, each once; names must be sorted.
    std::size_t suffixes() const;

    friend bool operator==(const NameList& a, const NameList& b) { return a.bytes_ == b.bytes_; }

private:
    std::vector<std::uint8_t> bytes_;
    std::vector<std::uint32_t> starts_;  // of each, in `bytes_`
};

}  // namespace weir::policy
