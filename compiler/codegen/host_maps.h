// The kernel's maps as the native engine has them: enough of each kind for a policy's program.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "compiler/object.h"

namespace weir::codegen {

class HostMap {
public:
    enum class Kind : std::uint8_t { kArray, kHash, kPrefixes };

    static HostMap array(std::size_t entries, std::size_t value_size);
    // Holds the keys of `image`; values are never looked at.
    static HostMap hash(const bpf::MapImage& image);
    static HostMap prefixes(const bpf::MapImage& image);

    // The value's place, or null. `key` has key_size bytes.
    void* look_up(const void* key);
    std::uint8_t* values() { return values_.data(); }

private:
    bool has_prefix(const std::uint8_t* key) const;

    Kind kind_ = Kind::kArray;
    std::size_t key_size_ = sizeof(std::uint32_t);
    std::size_t value_size_ = 0;
    std::vector<std::uint8_t> values_;
    std::unordered_set<std::string> keys_;
    std::set<std::uint32_t> lengths_;      // kPrefixes: those that occur, in bits
};

}  // namespace weir::codegen
