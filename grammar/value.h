// The values that literals stand for. Shared by the parser, the type checker, the oracle and the test blocks.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace weir {

// Bytes in network order; an IPv4 address uses the first four, the rest are zero.
struct IpAddress {
    std::uint8_t version = 4;  // 4 or 6
    std::array<std::uint8_t, 16> bytes{};

    friend auto operator<=>(const IpAddress&, const IpAddress&) = default;
};

struct IpPrefix {
    IpAddress address;  // host bits are zero once the parser accepted it
    std::uint8_t length = 32;

    friend auto operator<=>(const IpPrefix&, const IpPrefix&) = default;
};

struct IpRange {  // both ends inclusive, one version
    IpAddress first;
    IpAddress last;

    friend auto operator<=>(const IpRange&, const IpRange&) = default;
};

struct MacAddress {
    std::array<std::uint8_t, 6> bytes{};

    friend auto operator<=>(const MacAddress&, const MacAddress&) = default;
};

struct MacPrefix {
    MacAddress address;  // the bits behind `length` are zero once the parser accepted it
    std::uint8_t length = 48;

    friend auto operator<=>(const MacPrefix&, const MacPrefix&) = default;
};

struct Integer {
    std::uint64_t value = 0;
    friend bool operator==(const Integer&, const Integer&) = default;
};
struct IntegerRange {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    friend bool operator==(const IntegerRange&, const IntegerRange&) = default;
};  // both ends inclusive
struct Boolean {
    bool value = false;
    friend bool operator==(const Boolean&, const Boolean&) = default;
};
struct Duration {
    std::uint64_t ns = 0;
    friend bool operator==(const Duration&, const Duration&) = default;
};
struct Rate {
    std::uint64_t count = 0;
    std::uint64_t per_ns = 0;
    friend bool operator==(const Rate&, const Rate&) = default;
};  // 10/min: 10 per 60'000'000'000
struct ByteSize {
    std::uint64_t bytes = 0;
    friend bool operator==(const ByteSize&, const ByteSize&) = default;
};  // 64KB: 64'000
struct ByteRate {
    std::uint64_t bytes = 0;
    std::uint64_t per_ns = 0;
    friend bool operator==(const ByteRate&, const ByteRate&) = default;
};
struct Share {
    std::uint64_t hundredths = 0;
    friend bool operator==(const Share&, const Share&) = default;
};  // of a percent, 0 to 10'000: 0.25% is 25
struct Text {
    std::string bytes;
    friend bool operator==(const Text&, const Text&) = default;
};  // "…", escapes resolved
struct HexBytes {
    std::string bytes;
    friend bool operator==(const HexBytes&, const HexBytes&) = default;
};  // hex"…"

using Value = std::variant<Integer, IntegerRange, Boolean, Duration, Rate, ByteSize, ByteRate, IpAddress, IpPrefix,
                           IpRange, MacAddress, Text, HexBytes, MacPrefix, Share>;

// RFC 5952 for IPv6. Parsing accepts what inet_pton accepts, nothing else.
std::string to_string(const IpAddress& address);
std::string to_string(const IpPrefix& prefix);
std::string to_string(const MacAddress& mac);
std::string to_string(const MacPrefix& prefix);
std::string to_string(const Share& share);  // "0.25%"
std::optional<IpAddress> parse_ip(std::string_view text);
std::optional<MacAddress> parse_mac(std::string_view text);
// An address with a length, host bits as written (see `network`).
std::optional<IpPrefix> parse_prefix(std::string_view text);
// The same prefix with its host bits cleared.
IpPrefix network(const IpPrefix& prefix);
IpAddress first_address(const IpPrefix& prefix);
IpAddress last_address(const IpPrefix& prefix);
// Likewise of MAC addresses.
std::optional<MacPrefix> parse_mac_prefix(std::string_view text);
MacAddress first_address(const MacPrefix& prefix);
MacAddress last_address(const MacPrefix& prefix);

}  // namespace weir
