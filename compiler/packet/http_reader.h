// How the oracle reads the head of an HTTP/1 message: docs/language.md, "HTTP", and RFC 9110, RFC 9112.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "compiler/packet/domain_name.h"

namespace weir::packet {

struct HttpHead {
    // of a request
    std::optional<std::string> method;
    std::optional<std::string> target;
    std::optional<std::string> path;
    std::optional<DomainName> host;
    std::optional<std::string> user_agent;
    // of a response
    std::optional<std::uint16_t> status;
    bool is_cut = false;
};

// `payload`: of a TCP segment. Nothing where it does not start with such a head.
std::optional<HttpHead> read_http(std::span<const std::uint8_t> payload);

// The value of a Host line: without its port and one final dot. Nothing where what follows the colon is no port, or
// the name has more than 255 bytes.
std::optional<DomainName> host_name(std::string_view value);

}  // namespace weir::packet
