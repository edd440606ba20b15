#include "compiler/codegen/host_maps.h"

#include <cerrno>
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
        case Kind::kTable: return find(key_of(key));
        case Kind::kMaps: {
            std::uint32_t index = 0;
            std::memcpy(&index, key, sizeof(index));
            return index < maps_.size() ? maps_[index].get() : nullptr;
        }
        case Kind::kPrefixes: break;
    }
    return has_prefix(static_cast<const std::uint8_t*>(key)) ? values_.data() : nullptr;
}

HostMap HostMap::table(const bpf::StateMap& image) {
    HostMap map;
    map.kind_ = Kind::kTable;
    map.key_size_ = image.key_size;
    map.value_size_ = image.value_size;
    map.max_entries_ = image.max_entries;
    map.is_lru_ = image.kind == bpf::StateKind::kTerm;
    map.image_ = image;
    map.reset();
    return map;
}

HostMap HostMap::maps() {
    HostMap map;
    map.kind_ = Kind::kMaps;
    return map;
}

HostMap& HostMap::put(std::uint32_t index, HostMap map) {
    if (index >= maps_.size()) maps_.resize(index + std::size_t{1});
    maps_[index] = std::make_unique<HostMap>(std::move(map));
    return *maps_[index];
}

void HostMap::reset() {
    for (const auto& map : maps_) map->reset();
    entries_.clear();
    uses_.clear();
    for (std::size_t i = 0; i * key_size_ < image_.keys.size(); ++i)
        update(image_.keys.data() + i * key_size_, image_.values.data() + i * value_size_, 0);
}

void* HostMap::find(const std::string& key) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return nullptr;
    if (is_lru_) uses_.splice(uses_.end(), uses_, found->second.use);
    return found->second.value.data();
}

long HostMap::update(const void* key, const void* value, std::uint64_t flags) {
    constexpr std::uint64_t kNoExist = 1;   // BPF_NOEXIST
    const auto* bytes = static_cast<const std::uint8_t*>(value);
    const std::string name = key_of(key);
    if (void* place = find(name)) {
        if (flags == kNoExist) return -EEXIST;
        std::memcpy(place, value, value_size_);
        return 0;
    }
    if (entries_.size() >= max_entries_) {
        if (!is_lru_) return -E2BIG;
        entries_.erase(uses_.front());
        uses_.pop_front();
    }
    uses_.push_back(name);
    entries_.emplace(name, Entry{{bytes, bytes + value_size_}, std::prev(uses_.end())});
    return 0;
}

long HostMap::remove(const void* key) {
    const auto found = entries_.find(key_of(key));
    if (found == entries_.end()) return -ENOENT;
    uses_.erase(found->second.use);
    entries_.erase(found);
    return 0;
}

long HostMap::for_each(Visit visit, void* state) {
    const std::vector<std::string> keys(uses_.begin(), uses_.end());
    for (const std::string& key : keys)
        if (const auto found = entries_.find(key); found != entries_.end() && visit(this, key.data(), found->second.value.data(), state) != 0) break;
    return static_cast<long>(keys.size());
}

}  // namespace weir::codegen
