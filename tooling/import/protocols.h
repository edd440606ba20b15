// Protocols and ICMP types by the names that other systems have for them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir::tooling::imports {

// Of "tcp", "ipv6-icmp", "47", "all" (0).
std::optional<std::uint8_t> protocol_number(std::string_view name);
// The field that is true for packets with that header: tcp, udp, sctp, icmp, icmp6; else empty.
std::string protocol_field(std::uint8_t number, int version);

// Of "ssh", "domain": names that rules have for ports, as /etc/services has them.
std::optional<std::uint16_t> port_number(std::string_view name);

struct IcmpType {
    std::uint8_t type = 0;
    std::optional<std::uint8_t> code{};
};
// Of "8", "3/4", "echo-request", "nd-neighbor-solicit".
std::optional<IcmpType> icmp_type(std::string_view text, int version);
// Of `reject with icmp code port-unreachable` and matches on codes.
std::optional<std::uint8_t> icmp_code(std::string_view text, int version);

}  // namespace weir::tooling::imports
