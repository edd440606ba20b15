// TLS records and ClientHellos for tests, byte by byte. Lengths are right unless the test says others.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/frames.h"

namespace weir::tests {

// `length`: what its header says; its own bytes where negative. So in all of these.
Bytes tls_extension(std::uint16_t type, const Bytes& data, int length = -1);

struct ServerName {
    std::vector<std::pair<std::uint8_t, std::string>> entries;  // type, name
    int name_length = -1;                                       // of the last entry
    int list_length = -1;
    int length = -1;
};
Bytes server_name(const ServerName& of);
Bytes server_name(std::string_view host);
Bytes alpn(const std::vector<std::string>& names);
// So many extensions without data that weir does not know.
std::vector<Bytes> unknown_extensions(std::size_t count);

struct Hello {
    std::vector<Bytes> extensions{};
    std::uint16_t record_version = 0x0301;
    std::uint16_t version = 0x0303;
    std::size_t session_id = 32;
    std::size_t cipher_suites = 16;
    Bytes compression{0};
    int cipher_length = -1;
    int list_length = -1;  // of extensions
    int hello_length = -1;
    int record_length = -1;
    bool has_extensions = true;
    Bytes behind{};  // the extensions, in the hello
};
Bytes client_hello(const Hello& hello);
// With this name between extensions that browsers have, of 517 bytes or so.
Bytes usual_hello(std::string_view host);

// TCP from 198.51.100.7:4000 to 192.0.2.1:443.
Bytes tls_segment(const Bytes& payload, std::uint32_t seq = 1, std::uint8_t flags = 0x18);
Bytes part(const Bytes& bytes, std::size_t from, std::size_t to);

}  // namespace weir::tests
