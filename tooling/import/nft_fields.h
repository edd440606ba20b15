// What nft compares, as fields of the language: payload, meta and ct expressions of its JSON.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "compiler/packet/fields.h"
#include "tooling/import/ruleset.h"

namespace weir::tooling::imports {

using Json = nlohmann::ordered_json;

enum class ValueKind : std::uint8_t {
    kNumber,
    kAddress,
    kMac,
    kInterface,
    kProtocol,
    kEtherType,
    kIcmpType,
    kState,
    kFlags,
    kPacketType,
    kFamily,
    kAddressType,
    kBytes
};

// The left side of a comparison.
struct NftField {
    std::string text{};  // "tcp.dport"
    packet::FieldId id = packet::FieldId::kPacketLen;
    ValueKind kind = ValueKind::kNumber;
    int version = 0;       // 4, 6: it is there in packets of that version only
    std::string guard{};   // a condition that must hold besides: "not ip.has_options"
    std::int64_t add = 0;  // our value is nft's value * scale + add
    std::uint32_t scale = 1;
    std::optional<std::uint64_t> mask{};   // of numbers and flags
    std::optional<std::uint8_t> prefix{};  // of addresses: their first bits
    bool is_out = false;                   // oifname
    bool is_in = false;                    // iifname
    std::uint32_t bytes = 0;               // kBytes
};

// Nothing where it cannot be said: `why` says why. Of concatenations each part is one field.
std::optional<NftField> nft_field(const Json& left, std::string& why);

// A value of the field as text of the language. Of interfaces with quotes; "eth*" ends with `*`.
std::optional<std::string> nft_value(const NftField& field, const Json& right);
// A mask of addresses as the number of its first bits.
std::optional<std::uint8_t> mask_bits(const std::string& mask);
// The bits of "syn", ["syn","ack"], {"|":["syn","ack"]}, 2.
std::optional<std::uint64_t> nft_flags(const Json& right);

// A rule, or a part of one, as nft writes it as text. At most `limit_bytes`.
std::string nft_text(const Json& json, std::size_t limit_bytes = 160);

}  // namespace weir::tooling::imports
