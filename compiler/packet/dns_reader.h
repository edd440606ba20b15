// How the oracle reads a DNS message: docs/language.md, "DNS", and RFC 1035.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "compiler/packet/domain_name.h"

namespace weir::packet {

struct DnsMessage {
    DomainName qname;
    std::uint16_t qtype = 0;
    bool is_response = false;
    std::uint8_t rcode = 0;
    std::uint16_t answers = 0;
};

// `payload`: of a UDP datagram from or to port 53. Nothing where its first question is not whole.
std::optional<DnsMessage> read_dns(std::span<const std::uint8_t> payload);

}  // namespace weir::packet
