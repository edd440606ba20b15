// How the oracle reads a TLS record and the ClientHello in it: docs/language.md, "TLS"; RFC 8446, 4.1.2 and 5.1; RFC
// 6066, 3; RFC 7301, 3.1.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "compiler/packet/domain_name.h"

namespace weir::packet {

struct TlsRecord {
    bool is_client_hello = false;
    bool is_cut = false;
    std::optional<std::uint16_t> version;
    std::optional<DomainName> sni;
    std::optional<std::string> alpn;
    // The first segment ends before the name: one that follows in order may bring it.
    bool name_may_follow = false;
};

// `payload`: of a TCP segment. Nothing where it does not start a record.
std::optional<TlsRecord> read_tls(std::span<const std::uint8_t> payload);

struct LaterName {
    std::optional<DomainName> sni;  // which the last segment brings
    bool may_follow = false;        // one more segment may bring it
};

// The name of a hello whose first segments did not reach it. `payload`: of all its segments, in order;
// `starts`: where the second and each further one begins.
LaterName read_later_name(std::span<const std::uint8_t> payload, std::span<const std::size_t> starts);

// Nothing behind these bytes of a hello's payload is looked at.
inline constexpr std::size_t kHelloBytes = 2048;

}  // namespace weir::packet
