// Tested by tests/unit/codegen/native_test.cpp with `NativeEngine`.
#include "compiler/codegen/host_maps.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "bpf/histogram.h"
#include "bpf/table.h"
#include "grammar/base/seeded.h"

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
        case Kind::kMaps: {
            std::uint32_t index = 0;
            std::memcpy(&index, key, sizeof(index));
            return index < maps_.size() ? maps_[index].get() : nullptr;
        }
        case Kind::kPrefixes: break;
    }
    return has_prefix(static_cast<const std::uint8_t*>(key)) ? values_.data() : nullptr;
}

namespace {
// Nobody attacks here: always the same.
struct PrintNumbers {
    explicit PrintNumbers(Seeded& random) {
        for (__u64& one : by) one = random();
    }
    __u64 by[WEIR_PRINT_WORDS];
};
}  // namespace

HostMap HostMap::names(const bpf::NameImage& image) {
    const std::uint32_t groups = weir_set_groups(image.nodes);
    for (Seeded random(1);;) {
        HostMap map = array(weir_name_elements(groups, 0), WEIR_SET_BYTES);
        const weir_names table = weir_begin_names(map.values(), PrintNumbers(random).by, groups, image.nodes, 0);
        bool fits = true;
        bpf::each_name(image.names, [&](std::span<const std::uint8_t> name) {
            const auto length = static_cast<std::uint32_t>(name.size());
            fits = fits && (image.kind == bpf::NameKind::kText ? weir_put_fixed_text(&table, name.data(), length)
                                                               : weir_put_fixed_name(&table, name.data(), length)) != 0;
        });
        if (fits) return map;
    }
}

HostMap HostMap::changing_names(const bpf::StateMap& image) {
    std::uint32_t blocks = 0;
    bpf::each_name(image.keys, [&](std::span<const std::uint8_t> name) {
        blocks += weir_blocks_of_name(static_cast<std::uint32_t>(name.size()));
    });
    blocks = std::max(blocks, weir_blocks_of_names(image.max_entries));
    const std::uint32_t groups = weir_set_groups(std::max(image.nodes, weir_nodes_of_names(image.max_entries)));
    HostMap map = array(weir_name_elements(groups, blocks), WEIR_SET_BYTES);
    map.image_ = image;
    for (Seeded random(1);;) {
        weir_begin_names(map.values(), PrintNumbers(random).by, groups, image.max_entries, blocks);
        if (map.fill()) return map;
        const weir_names table = map.names();
        weir_clear_names(&table);
    }
}

weir_names HostMap::names() {
    const auto* head = reinterpret_cast<const weir_table_head*>(values());
    return {values(), head->groups, head->region_shift, head->text_blocks};
}

HostMap HostMap::measures(const bpf::StateMap& image) {
    HostMap map = array(weir_measure_elements(image.max_entries, 1), WEIR_HISTOGRAM_BYTES);
    map.image_ = image;
    Seeded random(1);
    weir_begin_measure(map.values(), PrintNumbers(random).by, image.max_entries, image.key_size / 4, 1);
    return map;
}

HostMap HostMap::state(const bpf::StateMap& image) {
    if (image.kind == bpf::StateKind::kNames) return changing_names(image);
    if (image.kind == bpf::StateKind::kMeasure) return measures(image);
    const bool is_set = image.kind == bpf::StateKind::kSet;
    const std::uint32_t key_words = image.key_size / 4;
    const std::uint32_t groups = is_set ? weir_set_groups(image.max_entries) : weir_term_groups(image.max_entries);
    HostMap map = is_set ? array(weir_set_elements(groups, key_words, image.net_word), WEIR_SET_BYTES)
                         : array(weir_term_elements(groups, image.values != bpf::kNoValues), WEIR_TERM_BYTES);
    map.image_ = image;
    for (Seeded random(1);;) {
        weir_begin_table(map.values(), PrintNumbers(random).by, groups, image.max_entries, is_set ? key_words : 0,
                         image.net_word);
        if (map.fill()) return map;
        weir_clear_table(map.values());
    }
}

bool HostMap::fill() {
    if (image_->kind == bpf::StateKind::kNames) {
        const weir_names table = names();
        bool fits = true;
        bpf::each_name(image_->keys, [&](std::span<const std::uint8_t> name) {
            fits =
                fits && weir_put_name(&table, name.data(), static_cast<std::uint32_t>(name.size()), 0) != WEIR_REFUSED;
        });
        return fits;
    }
    for (std::size_t at = 0; at < image_->keys.size(); at += image_->key_size)
        if (weir_put_first(values(), reinterpret_cast<const std::uint32_t*>(image_->keys.data() + at), 0) == 0)
            return false;
    return true;
}

std::optional<std::uint64_t> HostMap::end_of(const std::uint32_t* key) {
    const auto* head = reinterpret_cast<const weir_table_head*>(values());
    const std::uint64_t print = weir_print(head->by, key, head->key_words);
    const std::uint32_t group = weir_group_of(print, head->groups) - 1;
    for (std::uint32_t i = 1; i < WEIR_GROUP_ENTRIES; ++i)
        if (const weir_entry* entry = weir_entry_of_table(values(), group, i); (entry->print & ~WEIR_STRAYS) == print)
            return entry->end_ns;
    return std::nullopt;
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
    if (!image_) return;
    if (image_->kind == bpf::StateKind::kMeasure) return weir_clear_measure(values());
    if (image_->kind == bpf::StateKind::kNames) {
        const weir_names table = names();
        weir_clear_names(&table);
    } else {
        weir_clear_table(values());
    }
    fill();
}

}  // namespace weir::codegen
