#include "tests/support/tls_frames.h"

#include <algorithm>

namespace weir::tests {
namespace {

std::size_t or_own(int length, std::size_t own) { return length < 0 ? own : static_cast<std::size_t>(length); }
Bytes be8(std::size_t value) { return {static_cast<std::uint8_t>(value)}; }
Bytes be24(std::size_t value) { return be8(value >> 16) + be16(value & 0xffff); }

}  // namespace

Bytes tls_extension(std::uint16_t type, const Bytes& data, int length) {
    return be16(type) + be16(or_own(length, data.size())) + data;
}

Bytes server_name(const ServerName& of) {
    Bytes list;
    for (std::size_t i = 0; i < of.entries.size(); ++i) {
        const auto& [type, name] = of.entries[i];
        const int length = i + 1 == of.entries.size() ? of.name_length : -1;
        list = list + be8(type) + be16(or_own(length, name.size())) + text(name);
    }
    return tls_extension(0, be16(or_own(of.list_length, list.size())) + list, of.length);
}
Bytes server_name(std::string_view host) { return server_name(ServerName{{{0, std::string(host)}}}); }

Bytes alpn(const std::vector<std::string>& names) {
    Bytes list;
    for (const std::string& name : names) list = list + be8(name.size()) + text(name);
    return tls_extension(16, be16(list.size()) + list);
}

std::vector<Bytes> unknown_extensions(std::size_t count) {
    return std::vector<Bytes>(count, tls_extension(0x2a2a, {}));
}

Bytes client_hello(const Hello& hello) {
    Bytes list, body = be16(hello.version) + counting(32) + be8(hello.session_id) + counting(hello.session_id);
    for (const Bytes& one : hello.extensions) list = list + one;
    body = body + be16(or_own(hello.cipher_length, 2 * hello.cipher_suites)) + counting(2 * hello.cipher_suites);
    body = body + be8(hello.compression.size()) + hello.compression;
    if (hello.has_extensions) body = body + be16(or_own(hello.list_length, list.size())) + list;
    body = body + hello.behind;
    const Bytes handshake = be8(1) + be24(or_own(hello.hello_length, body.size())) + body;
    return be8(22) + be16(hello.record_version) + be16(or_own(hello.record_length, handshake.size())) + handshake;
}

Bytes usual_hello(std::string_view host) {
    return client_hello({.extensions = {tls_extension(23, {}), tls_extension(0xff01, zeros(1)), server_name(host),
                                        tls_extension(10, counting(10)), tls_extension(13, counting(20)),
                                        alpn({"h2", "http/1.1"}), tls_extension(51, counting(38)),
                                        tls_extension(45, hex("0101")), tls_extension(21, zeros(180))}});
}

Bytes tls_segment(const Bytes& payload, std::uint32_t seq, std::uint8_t flags) {
    return tcp4({.destination = 443, .seq = seq, .flags = flags}, payload);
}

Bytes part(const Bytes& bytes, std::size_t from, std::size_t to) {
    const auto begin = bytes.begin();
    return {begin + static_cast<std::ptrdiff_t>(std::min(from, bytes.size())),
            begin + static_cast<std::ptrdiff_t>(std::min(to, bytes.size()))};
}

}  // namespace weir::tests
