// The kernel's maps as the native engine has them: enough of each kind for a policy's program.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "bpf/name_table.h"
#include "compiler/object.h"

namespace weir::codegen {

class HostMap {
public:
    enum class Kind : std::uint8_t { kArray, kHash, kPrefixes, kMaps };

    static HostMap array(std::size_t entries, std::size_t value_size);
    // Holds the keys of `image`; values are never looked at.
    static HostMap hash(const bpf::MapImage& image);
    static HostMap prefixes(const bpf::MapImage& image);
    // What a term, all throttles or a set that changes keeps: a table (bpf/table.h).
    static HostMap state(const bpf::StateMap& image);
    // A set of names or texts that does not change.
    static HostMap names(const bpf::NameImage& image);
    // A map of maps.
    static HostMap maps();

    // The value's place, or null. `key` has key_size bytes. Of a map of maps, the map itself.
    void* look_up(const void* key);
    // When the entry of a set's table ends, ns; 0: never. Nothing where there is none. `key` has the table's key words.
    std::optional<std::uint64_t> end_of(const std::uint32_t* key);

    // Entry `index` of a map of maps.
    HostMap& put(std::uint32_t index, HostMap map);
    // Zeros in an array.
    void clear() { std::fill(values_.begin(), values_.end(), std::uint8_t{0}); }
    // State as it was when it was made.
    void reset();
    std::uint8_t* values() { return values_.data(); }
    const std::uint8_t* values() const { return values_.data(); }
    std::size_t entries() const { return values_.size() / value_size_; }  // of an array

private:
    bool has_prefix(const std::uint8_t* key) const;
    bool fill();  // a table, with what its image has; false: there is no room
    static HostMap changing_names(const bpf::StateMap& image);
    static HostMap measures(const bpf::StateMap& image);
    weir_names names();

    Kind kind_ = Kind::kArray;
    std::size_t key_size_ = sizeof(std::uint32_t);
    std::size_t value_size_ = 0;
    std::vector<std::uint8_t> values_;
    std::unordered_set<std::string> keys_;
    std::set<std::uint32_t> lengths_;             // kPrefixes: those that occur, in bits
    std::optional<bpf::StateMap> image_;          // of a table: its beginning
    std::vector<std::unique_ptr<HostMap>> maps_;  // kMaps
};

}  // namespace weir::codegen
