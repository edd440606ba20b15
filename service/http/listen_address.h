// Where the network door listens: `127.0.0.1:9464`, `[::1]:9464`, `0.0.0.0:9464`, or the path of a UNIX socket.
#pragma once

#include <cstdint>
#include <string>

#include "grammar/base/result.h"
#include "runtime/handles.h"

namespace weir::service::http {

// How far away a client of an address may be.
enum class Reach : std::uint8_t { kUnix, kLoopback, kPublic };

struct ListenAddress {
    std::string text;  // as it was given
    Reach reach = Reach::kLoopback;
    std::string host;        // the address alone, "::1"; of a UNIX socket its path
    std::uint16_t port = 0;  // 0 with a UNIX socket alone
    bool is_any = false;     // 0.0.0.0 or [::]: all addresses of the machine
};

// Addresses, no names: which of a name's addresses is meant would be for somebody else to say.
Result<ListenAddress> parse_listen_address(const std::string& text);

// A socket that listens there. A UNIX socket's file has mode 0600; one that a killed engine left is replaced.
Result<runtime::UniqueFd> open_listener(const ListenAddress& address);

}  // namespace weir::service::http
