// Tested by tests/unit/runtime/sets_test.cpp.
#include "grammar/value.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "grammar/base/check.h"

namespace weir {
namespace {

// Sets the bits after the first `prefix.length` to zeros or to ones.
template <typename Prefix>
auto with_host_bits(const Prefix& prefix, std::size_t bytes, bool ones) {
    auto address = prefix.address;
    for (std::size_t i = 0; i < bytes; ++i) {
        const std::size_t first_bit = i * 8;
        std::uint8_t host = 0xff;
        if (prefix.length >= first_bit + 8)
            host = 0;
        else if (prefix.length > first_bit)
            host = static_cast<std::uint8_t>(0xff >> (prefix.length - first_bit));
        const auto network = static_cast<std::uint8_t>(address.bytes[i] & ~host);
        address.bytes[i] = ones ? static_cast<std::uint8_t>(network | host) : network;
    }
    return address;
}

std::size_t bytes_of(const IpPrefix& prefix) { return prefix.address.version == 4 ? 4 : 16; }

std::optional<unsigned> prefix_length(std::string_view digits) {
    unsigned length = 0;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), length);
    if (digits.empty() || read.ec != std::errc() || read.ptr != digits.data() + digits.size()) return std::nullopt;
    return length;
}

}  // namespace

std::string to_string(const IpAddress& address) {
    char text[INET6_ADDRSTRLEN];
    const int family = address.version == 4 ? AF_INET : AF_INET6;
    const char* written = inet_ntop(family, address.bytes.data(), text, sizeof(text));
    WEIR_CHECK(written != nullptr);
    return text;
}

std::string to_string(const IpPrefix& prefix) { return fmt::format("{}/{}", to_string(prefix.address), prefix.length); }

std::string to_string(const MacAddress& mac) {
    const auto& b = mac.bytes;
    return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", b[0], b[1], b[2], b[3], b[4], b[5]);
}

std::string to_string(const MacPrefix& prefix) {
    return fmt::format("{}/{}", to_string(prefix.address), prefix.length);
}

std::string to_string(const Share& share) {
    std::string text = fmt::format("{}.{:02}", share.hundredths / 100, share.hundredths % 100);
    while (text.back() == '0') text.pop_back();
    if (text.back() == '.') text.pop_back();
    return text + '%';
}

std::optional<IpAddress> parse_ip(std::string_view text) {
    char buffer[INET6_ADDRSTRLEN];
    if (text.size() >= sizeof(buffer) || text.find('\0') != std::string_view::npos) return std::nullopt;
    text.copy(buffer, text.size());
    buffer[text.size()] = '\0';
    IpAddress address;
    address.version = text.find(':') == std::string_view::npos ? 4 : 6;
    const int family = address.version == 4 ? AF_INET : AF_INET6;
    if (inet_pton(family, buffer, address.bytes.data()) != 1) return std::nullopt;
    return address;
}

std::optional<MacAddress> parse_mac(std::string_view text) {
    constexpr std::size_t kLength = 17;  // six pairs, five colons
    if (text.size() != kLength) return std::nullopt;
    MacAddress mac;
    for (std::size_t i = 0; i < 6; ++i) {
        const char* pair = text.data() + i * 3;
        const auto read = std::from_chars(pair, pair + 2, mac.bytes[i], 16);
        if (read.ptr != pair + 2 || read.ec != std::errc()) return std::nullopt;
        if (i != 5 && pair[2] != ':') return std::nullopt;
    }
    return mac;
}

std::optional<IpPrefix> parse_prefix(std::string_view text) {
    const std::size_t slash = text.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    const std::optional<IpAddress> address = parse_ip(text.substr(0, slash));
    const std::optional<unsigned> length = prefix_length(text.substr(slash + 1));
    if (!address || !length || *length > (address->version == 4 ? 32u : 128u)) return std::nullopt;
    return IpPrefix{*address, static_cast<std::uint8_t>(*length)};
}

IpPrefix network(const IpPrefix& prefix) { return {first_address(prefix), prefix.length}; }
IpAddress first_address(const IpPrefix& prefix) { return with_host_bits(prefix, bytes_of(prefix), false); }
IpAddress last_address(const IpPrefix& prefix) { return with_host_bits(prefix, bytes_of(prefix), true); }

std::optional<MacPrefix> parse_mac_prefix(std::string_view text) {
    const std::size_t slash = text.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    const std::optional<MacAddress> address = parse_mac(text.substr(0, slash));
    const std::optional<unsigned> length = prefix_length(text.substr(slash + 1));
    if (!address || !length || *length > 48) return std::nullopt;
    return MacPrefix{*address, static_cast<std::uint8_t>(*length)};
}

MacAddress first_address(const MacPrefix& prefix) { return with_host_bits(prefix, prefix.address.bytes.size(), false); }
MacAddress last_address(const MacPrefix& prefix) { return with_host_bits(prefix, prefix.address.bytes.size(), true); }

}  // namespace weir
