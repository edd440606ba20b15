#include "tests/support/frames.h"

#include <algorithm>

#include <fmt/format.h>

namespace weir::tests {

Bytes operator+(Bytes front, const Bytes& back) {
    front.insert(front.end(), back.begin(), back.end());
    return front;
}

Bytes hex(std::string_view digits) {
    Bytes bytes;
    int high = -1;
    for (const char c : digits) {
        if (c == ' ') continue;
        const int digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
        if (high < 0) {
            high = digit;
            continue;
        }
        bytes.push_back(static_cast<std::uint8_t>(high << 4 | digit));
        high = -1;
    }
    return bytes;
}

std::string to_hex(const Bytes& bytes) {
    std::string out;
    for (const std::uint8_t byte : bytes) out += fmt::format("{:02x}", byte);
    return out;
}

Bytes text(std::string_view characters) { return {characters.begin(), characters.end()}; }

Bytes counting(std::size_t bytes, unsigned first) {
    Bytes out(bytes);
    for (std::size_t i = 0; i < bytes; ++i) out[i] = static_cast<std::uint8_t>(first + i);
    return out;
}

Bytes zeros(std::size_t bytes) { return Bytes(bytes); }

Bytes be16(std::uint64_t value) { return {static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)}; }
Bytes be32(std::uint64_t value) { return be16(value >> 16) + be16(value); }

Bytes cut(const Bytes& frame, std::size_t bytes) {
    return {frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(std::min(bytes, frame.size()))};
}

Bytes patched(Bytes frame, std::size_t at, const Bytes& bytes) {
    for (std::size_t i = 0; i < bytes.size() && at + i < frame.size(); ++i) frame[at + i] = bytes[i];
    return frame;
}

Bytes macs() { return hex("020000000002 020000000001"); }
Bytes eth(std::uint16_t type) { return macs() + be16(type); }
Bytes tag(std::uint16_t type, std::uint16_t tci) { return be16(type) + be16(tci); }

Bytes pppoe(const Pppoe& header, const Bytes& body) {
    const std::size_t length = header.length < 0 ? header.ppp.size() + body.size() : std::size_t(header.length);
    return be16(header.version_type_code) + be16(header.session) + be16(length) + header.ppp + body;
}
Bytes label(std::uint32_t number, Stack stack) {
    return be32(number << 12 | (stack == Stack::kBottom ? 0x100u : 0u) | 64u);
}

Bytes ip4(const Ip4& header, const Bytes& body) {
    const std::size_t total = 20 + header.options.size() + body.size();
    return Bytes{header.version_ihl, header.tos} +
           be16(header.total < 0 ? total : static_cast<std::size_t>(header.total)) + be16(header.id) +
           be16(header.fragment) + Bytes{header.ttl, header.protocol} + zeros(2) + header.source + header.destination +
           header.options + body;
}

Bytes ip6(const Ip6& header, const Bytes& body) {
    return be32(header.first) + be16(header.length < 0 ? body.size() : static_cast<std::size_t>(header.length)) +
           Bytes{header.next, header.hops} + header.source + header.destination + body;
}

Bytes extension(std::uint8_t next, std::size_t units) {
    return Bytes{next, static_cast<std::uint8_t>(units - 1)} + zeros(units * 8 - 2);
}
Bytes authentication(std::uint8_t next, std::size_t bytes) {
    return Bytes{next, static_cast<std::uint8_t>(bytes / 4 - 2)} + zeros(bytes - 2);
}
Bytes fragment(std::uint8_t next, std::uint16_t offset_flags, std::uint32_t id) {
    return Bytes{next, 0} + be16(offset_flags) + be32(id);
}

Bytes tcp(const Tcp& header, const Bytes& body) {
    const std::size_t words =
        header.offset < 0 ? 5 + header.options.size() / 4 : static_cast<std::size_t>(header.offset);
    return be16(header.source) + be16(header.destination) + be32(header.seq) + be32(header.ack) +
           Bytes{static_cast<std::uint8_t>(words << 4), header.flags} + be16(header.window) + zeros(4) +
           header.options + body;
}

Bytes udp(const Udp& header, const Bytes& body) {
    return be16(header.source) + be16(header.destination) +
           be16(header.length < 0 ? 8 + body.size() : static_cast<std::size_t>(header.length)) + zeros(2) + body;
}

Bytes sctp(std::uint16_t source, std::uint16_t destination, const Bytes& body) {
    return be16(source) + be16(destination) + zeros(8) + body;
}

Bytes icmp(std::uint8_t type, std::uint8_t code, std::uint16_t id, std::uint16_t seq, const Bytes& body) {
    return Bytes{type, code} + zeros(2) + be16(id) + be16(seq) + body;
}

Bytes arp(const Arp& header) { return eth(0x0806) + hex(header.front) + hex(header.back); }

Bytes in4(std::uint8_t protocol, const Bytes& body) {
    Ip4 header;
    header.protocol = protocol;
    return eth(0x0800) + ip4(header, body);
}
Bytes in6(std::uint8_t next, const Bytes& body) {
    Ip6 header;
    header.next = next;
    return eth(0x86dd) + ip6(header, body);
}
Bytes tcp4(const Tcp& header, const Bytes& body) { return in4(6, tcp(header, body)); }
Bytes tcp6(const Tcp& header, const Bytes& body) { return in6(6, tcp(header, body)); }
Bytes udp4(const Udp& header, const Bytes& body) { return in4(17, udp(header, body)); }
Bytes udp6(const Udp& header, const Bytes& body) { return in6(17, udp(header, body)); }

}  // namespace weir::tests
