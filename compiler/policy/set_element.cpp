// Tested by tests/unit/policy/set_element_test.cpp.
#include "compiler/policy/set_element.h"

#include <algorithm>
#include <charconv>

#include "grammar/value.h"

namespace weir::policy {
namespace {

struct TypeWord {
    std::string_view word;
    SetType type;
    std::size_t words;    // 32-bit words of a key
    std::uint64_t limit;  // integers
};
constexpr TypeWord kTypes[] = {
    {"ip", SetType::kIp, 5, 0},        {"net", SetType::kNet, 5, 0},          {"port", SetType::kPort, 1, 0xffff},
    {"mac", SetType::kMac, 2, 0},      {"domain", SetType::kDomain, 0, 0},    {"u8", SetType::kU8, 1, 0xff},
    {"u16", SetType::kU16, 1, 0xffff}, {"u32", SetType::kU32, 1, 0xffffffff}, {"a string", SetType::kText, 0, 0}};

const TypeWord& row(SetType type) {
    for (const TypeWord& known : kTypes)
        if (known.type == type) return known;
    return kTypes[0];
}

std::optional<std::uint64_t> integer(std::string_view text) {
    const bool hexadecimal = text.starts_with("0x");
    if (hexadecimal) text.remove_prefix(2);
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, hexadecimal ? 16 : 10);
    if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
    return value;
}

}  // namespace

std::uint64_t mac_number(const MacAddress& mac) {
    std::uint64_t number = 0;
    for (const std::uint8_t byte : mac.bytes) number = number << 8 | byte;
    return number;
}

std::optional<SetType> set_type(std::string_view word) {
    for (const TypeWord& known : kTypes)
        if (known.word == word) return known.type;
    return std::nullopt;
}

std::string_view set_type_name(SetType type) { return row(type).word; }

bool has_names(const std::vector<SetType>& types) {
    return types.size() == 1 && (types.front() == SetType::kDomain || types.front() == SetType::kText);
}

bool has_net(const std::vector<SetType>& types) {
    return std::find(types.begin(), types.end(), SetType::kNet) != types.end();
}

std::size_t key_words(const std::vector<SetType>& types) {
    std::size_t words = 1;  // the set's number
    for (const SetType type : types) words += row(type).words;
    return words;
}

std::optional<SetElement> parse_element(SetType type, std::string_view text) {
    SetElement element;
    if (type == SetType::kIp || type == SetType::kNet) {
        if (const auto address = parse_ip(text)) {
            element.address = *address;
            element.prefix_length = address->version == 4 ? 32 : 128;
            if (type == SetType::kIp) element.prefix_length = 0;
            return element;
        }
        const auto prefix = type == SetType::kNet ? parse_prefix(text) : std::nullopt;
        if (!prefix || network(*prefix) != *prefix) return std::nullopt;
        element.address = prefix->address;
        element.prefix_length = prefix->length;
        return element;
    }
    if (type == SetType::kMac) {
        const auto mac = parse_mac(text);
        if (!mac) return std::nullopt;
        element.number = mac_number(*mac);
        return element;
    }
    const auto number = integer(text);
    if (type == SetType::kDomain || type == SetType::kText || !number || *number > row(type).limit) return std::nullopt;
    element.number = *number;
    return element;
}

std::optional<SetElement> element_of(SetType type, const Value& value) {
    SetElement element;
    if (const auto* address = std::get_if<IpAddress>(&value)) {
        if (type != SetType::kIp && type != SetType::kNet) return std::nullopt;
        element.address = *address;
        if (type == SetType::kNet) element.prefix_length = address->version == 4 ? 32 : 128;
        return element;
    }
    if (const auto* prefix = std::get_if<IpPrefix>(&value)) {
        if (type != SetType::kNet) return std::nullopt;
        element.address = prefix->address;
        element.prefix_length = prefix->length;
        return element;
    }
    if (const auto* mac = std::get_if<MacAddress>(&value)) {
        if (type != SetType::kMac) return std::nullopt;
        element.number = mac_number(*mac);
        return element;
    }
    const auto* number = std::get_if<Integer>(&value);
    return number == nullptr ? std::nullopt : parse_element(type, std::to_string(number->value));
}

}  // namespace weir::policy
