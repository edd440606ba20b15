// The kernel's maps as the native engine has them: enough of each kind for a policy's program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "compiler/object.h"

namespace weir::codegen {

class HostMap {
public:
    enum class Kind : std::uint8_t { kArray, kHash, kPrefixes, kTable, kMaps };

    static HostMap array(std::size_t entries, std::size_t value_size);
    // Holds the keys of `image`; values are never looked at.
    static HostMap hash(const bpf::MapImage& image);
    static HostMap prefixes(const bpf::MapImage& image);
    // Keys and values that come and go: the kernel's hash, or its LRU hash for the state of a term.
    static HostMap table(const bpf::StateMap& image);
    // A map of maps.
    static HostMap maps();

    // The value's place, or null. `key` has key_size bytes. Of a map of maps, the map itself.
    void* look_up(const void* key);
    // As the kernel's calls of the same names: 0, or a negative errno. Tables only.
    long update(const void* key, const void* value, std::uint64_t flags);
    long remove(const void* key);
    // Calls `visit` with each entry; it may remove it.
    using Visit = long (*)(HostMap*, const void* key, void* value, void* state);
    long for_each(Visit visit, void* state);

    // Entry `index` of a map of maps.
    HostMap& put(std::uint32_t index, HostMap map);
    // Tables as they were when they were made.
    void reset();
    std::uint8_t* values() { return values_.data(); }

private:
    struct Entry {
        std::vector<std::uint8_t> value;
        std::list<std::string>::iterator use;      // in uses_
    };
    bool has_prefix(const std::uint8_t* key) const;
    void* find(const std::string& key);
    std::string key_of(const void* key) const { return {static_cast<const char*>(key), key_size_}; }

    Kind kind_ = Kind::kArray;
    std::size_t key_size_ = sizeof(std::uint32_t);
    std::size_t value_size_ = 0;
    std::vector<std::uint8_t> values_;
    std::unordered_set<std::string> keys_;
    std::set<std::uint32_t> lengths_;      // kPrefixes: those that occur, in bits
    std::unordered_map<std::string, Entry> entries_;   // kTable
    std::list<std::string> uses_;          // kTable: keys, the one used last at the end
    std::size_t max_entries_ = 0;
    bool is_lru_ = false;
    bpf::StateMap image_;                  // kTable: its beginning
    std::vector<std::unique_ptr<HostMap>> maps_;       // kMaps
};

}  // namespace weir::codegen
