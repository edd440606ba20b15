// Tested by tests/verdict/regressions_test.cpp with `throttle`.
#include "compiler/codegen/throttle_rows.h"

#include <algorithm>
#include <cstring>
#include <unordered_set>

#include "compiler/codegen/emit_key.h"
#include "compiler/policy/identity.h"
#include "grammar/base/check.h"

namespace weir::codegen {
namespace {

constexpr std::uint32_t kWordBytes = sizeof(std::uint32_t);

class KeyRow {
public:
    // Bits of the word at `offset`, bytes, of the packet.
    void put(std::uint32_t offset, std::uint32_t shift, std::uint32_t mask) {
        WEIR_CHECK(row_.count < WEIR_SET_KEY_WORDS);
        shift += offset % kWordBytes * 8;
        WEIR_CHECK(shift < 32);
        row_.words[row_.count++] = {static_cast<std::uint16_t>(offset / kWordBytes), static_cast<std::uint8_t>(shift),
                                    0, mask};
    }
    void put_address_word(const ir::SetKeyPart& part, std::uint32_t number) {
        const std::uint32_t offset = part.address.offset + number * kWordBytes;
        if (!part.address.either_version) return put(offset, 0, address_mask(part.bits.ip4, number));
        put(offset, 0, address_mask(part.bits.ip6, number));
        const bool differs = address_mask(part.bits.ip4, 0) != address_mask(part.bits.ip6, 0);
        if (number == 0 && differs) row_.words[row_.count - 1].ip4_bits = part.bits.ip4;
    }
    void put(const ir::SetKeyPart& part) {
        if (part.is_address) {
            for (std::uint32_t i = 0; i < (part.address.either_version ? 4u : 1u); ++i) put_address_word(part, i);
            return;
        }
        const ir::Word& word = part.word;
        if (word.size == 8) {  // a MAC address, or a print
            WEIR_CHECK(word.shift == 0);
            put(word.offset + kWordBytes, 0, static_cast<std::uint32_t>(word.mask >> 32));
            put(word.offset, 0, static_cast<std::uint32_t>(word.mask));
            return;
        }
        const std::uint32_t bits = word.size == kWordBytes ? ~0u : (1u << word.size * 8) - 1;
        put(word.offset, word.shift, static_cast<std::uint32_t>(word.mask) & bits >> word.shift);
    }
    weir_throttle_key take(const packet::PresentBits& present) {
        std::copy_n(present.words.begin(), std::size(row_.present), row_.present);
        row_.count |= present.words[packet::kFlowPresent / 32] << WEIR_THROTTLE_FLOW_SHIFT;
        return row_;
    }

private:
    weir_throttle_key row_{};
};

// The next policy finds its windows by it. Two of a policy that had the same one would share them.
std::uint64_t own_print(const std::string& identity, std::unordered_set<std::uint64_t>& taken) {
    std::uint64_t print = policy::identity_print(identity);
    for (std::uint32_t again = 2; !taken.insert(print).second; ++again)
        print = policy::identity_print(identity + " #" + std::to_string(again));
    return print;
}

std::uint32_t add_key(const weir_throttle_key& key, std::vector<weir_throttle_key>& keys) {
    const auto known = std::find_if(keys.begin(), keys.end(), [&](const weir_throttle_key& other) {
        return std::memcmp(&key, &other, sizeof(key)) == 0;
    });
    const auto number = static_cast<std::uint32_t>(known - keys.begin());
    if (known == keys.end()) keys.push_back(key);
    return number;
}

}  // namespace

weir_throttle_key key_row(const ir::PacketKey& key) {
    KeyRow row;
    for (const ir::AddressRef& address : versions(key)) row.put(address.version_offset(), 0, 0xff);
    for (const ir::SetKeyPart& part : key.parts) row.put(part);
    return row.take(key.present);
}

ThrottleRows throttle_rows(const std::vector<ir::Throttle>& throttles) {
    ThrottleRows made;
    std::unordered_set<std::uint64_t> prints;
    for (const ir::Throttle& throttle : throttles) {
        if (throttle.alert >= made.rows.size()) made.rows.resize(throttle.alert + std::size_t{1});
        weir_throttle& row = made.rows[throttle.alert];
        const std::uint64_t print = own_print(throttle.identity, prints);
        row.window_ns = throttle.window_ns;
        row.identity[0] = static_cast<std::uint32_t>(print);
        row.identity[1] = static_cast<std::uint32_t>(print >> 32);
        row.limit = static_cast<std::uint32_t>(throttle.limit);
        row.key = add_key(key_row(throttle.key), made.keys);
    }
    return made;
}

}  // namespace weir::codegen
