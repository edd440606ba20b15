#include "compiler/codegen/host_maps.h"

#include <cstring>

namespace weir::codegen {
namespace {

constexpr std::size_t kLengthBytes = sizeof(std::uint32_t);  // a prefix key begins with its length in bits

// The first `bits` bits of `bytes`, and the length itself, as one key.
std::string prefix_key(const std::uint8_t* bytes, std::uint32_t bits) {
    std::string key(reinterpret_cast<const char*>(&bits), sizeof(bits));
    key.append(reinterpret_cast<const char*>(bytes), (bits + 7) / 8);
    if (bits % 8 != 0) key.back() = static_cast<char>(static_cast<std::uint8_t>(key.back()) & (0xff00u >> (bits % 8)));
    return key;
}

}  // namespace

HostMap HostMap::array(std::size_t entries, std::size_t value_size) {
    HostMap map;
    map.value_size_ = value_size;
    map.values_.resize(entries * value_size);
    return map;
}

HostMap HostMap::hash(const bpf::MapImage& image) {
    HostMap map;
    map.kind_ = Kind::kHash;
    map.key_size_ = image.key_size;
    map.values_.resize(image.value_size);
    for (std::size_t at = 0; at < image.keys.size(); at += image.key_size)
        map.keys_.emplace(reinterpret_cast<const char*>(image.keys.data() + at), image.key_size);
    return map;
}

HostMap HostMap::prefixes(const bpf::MapImage& image) {
    HostMap map;
    map.kind_ = Kind::kPrefixes;
    map.key_size_ = image.key_size;
    map.values_.resize(image.value_size);
    for (std::size_t at = 0; at < image.keys.size(); at += image.key_size) {
        std::uint32_t bits = 0;
        std::memcpy(&bits, image.keys.data() + at, sizeof(bits));
        map.lengths_.insert(bits);
        map.keys_.insert(prefix_key(image.keys.data() + at + kLengthBytes, bits));
    }
    return map;
}

bool HostMap::has_prefix(const std::uint8_t* key) const {
    std::uint32_t bits = 0;
    std::memcpy(&bits, key, sizeof(bits));
    for (const std::uint32_t length : lengths_)
        if (length <= bits && keys_.contains(prefix_key(key + kLengthBytes, length))) return true;
    return false;
}

void* HostMap::look_up(const void* key) {
    switch (kind_) {
        case Kind::kArray: {
            std::uint32_t index = 0;
            std::memcpy(&index, key, sizeof(index));
            const std::size_t at = std::size_t{index} * value_size_;
            return at + value_size_ <= values_.size() ? values_.data() + at : nullptr;
        }
        case Kind::kHash:
            return keys_.contains(std::string(static_cast<const char*>(key), key_size_)) ? values_.data() : nullptr;
        case Kind::kPrefixes: break;
    }
    return has_prefix(static_cast<const std::uint8_t*>(key)) ? values_.data() : nullptr;
}

}  // namespace weir::codegen
