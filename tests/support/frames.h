// Frames for tests, byte by byte. Nothing is put right: what a header says is what the test wrote. Independent of the
// compiler's own builder, so that the two can be held against each other.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace weir::tests {

using Bytes = std::vector<std::uint8_t>;

Bytes operator+(Bytes front, const Bytes& back);
// "0800 45" as bytes; spaces are for the reader.
Bytes hex(std::string_view digits);
std::string to_hex(const Bytes& bytes);
Bytes text(std::string_view characters);
// N bytes that count 0, 1, 2 … from `first`.
Bytes counting(std::size_t bytes, unsigned first = 0);
Bytes zeros(std::size_t bytes);
Bytes be16(std::uint64_t value);
Bytes be32(std::uint64_t value);
// The first `bytes` bytes.
Bytes cut(const Bytes& frame, std::size_t bytes);
// The same frame with other bytes from `at` on.
Bytes patched(Bytes frame, std::size_t at, const Bytes& bytes);

// Addresses as everywhere in these tests: 198.51.100.7 -> 192.0.2.1, 2001:db8::7 -> 2001:db8::1.
inline constexpr std::string_view kSource4 = "c6336407", kDestination4 = "c0000201";
inline constexpr std::string_view kSource6 = "20010db8000000000000000000000007",
                                  kDestination6 = "20010db8000000000000000000000001";

// 02:00:00:00:00:01 -> 02:00:00:00:00:02.
Bytes eth(std::uint16_t type);
// A tag's four bytes as they stand behind the addresses of eth_bare(): type, then TCI; the next type follows.
Bytes macs();
Bytes tag(std::uint16_t type, std::uint16_t tci);

// What follows an EtherType of 0x8864, and one of 0x8847.
struct Pppoe {
    std::uint16_t version_type_code = 0x1100;
    std::uint16_t session = 7;
    int length = -1;  // of PPP number and body where negative
    Bytes ppp = be16(0x0021);
};
Bytes pppoe(const Pppoe& header, const Bytes& body);
enum class Stack { kGoesOn, kBottom };
Bytes label(std::uint32_t number, Stack stack = Stack::kBottom);

struct Ip4 {
    std::uint8_t version_ihl = 0x45;
    std::uint8_t tos = 0;
    int total = -1;  // header and body where negative
    std::uint16_t id = 0x1234;
    std::uint16_t fragment = 0;  // flags and offset, as on the wire
    std::uint8_t ttl = 64;
    std::uint8_t protocol = 6;
    Bytes source = hex(kSource4);
    Bytes destination = hex(kDestination4);
    Bytes options{};
};
Bytes ip4(const Ip4& header, const Bytes& body);

struct Ip6 {
    std::uint32_t first = 0x60000000;  // version, traffic class, flow label
    int length = -1;                   // of the body where negative
    std::uint8_t next = 6;
    std::uint8_t hops = 64;
    Bytes source = hex(kSource6);
    Bytes destination = hex(kDestination6);
};
Bytes ip6(const Ip6& header, const Bytes& body);

// An extension header of `units` × 8 bytes (AH: of 4-byte units, `raw` in its length field).
Bytes extension(std::uint8_t next, std::size_t units = 1);
Bytes authentication(std::uint8_t next, std::size_t bytes);
Bytes fragment(std::uint8_t next, std::uint16_t offset_flags, std::uint32_t id = 0x01020304);

struct Tcp {
    std::uint16_t source = 4000, destination = 80;
    std::uint32_t seq = 1, ack = 0;
    int offset = -1;  // words; header's own where negative
    std::uint8_t flags = 0x02;
    std::uint16_t window = 65535;
    Bytes options{};
};
Bytes tcp(const Tcp& header, const Bytes& body = {});

struct Udp {
    std::uint16_t source = 4000, destination = 53;
    int length = -1;
};
Bytes udp(const Udp& header, const Bytes& body = {});
Bytes sctp(std::uint16_t source, std::uint16_t destination, const Bytes& body = {});
Bytes icmp(std::uint8_t type, std::uint8_t code, std::uint16_t id, std::uint16_t seq, const Bytes& body = {});

struct Arp {
    std::string_view front = "0001080006040001";  // hardware, protocol, lengths, operation
    std::string_view back = "020000000001c6336407000000000000c0000201";
};
Bytes arp(const Arp& header = {});

// Whole frames over the addresses above.
Bytes tcp4(const Tcp& header = {}, const Bytes& body = {});
Bytes tcp6(const Tcp& header = {}, const Bytes& body = {});
Bytes udp4(const Udp& header = {}, const Bytes& body = {});
Bytes udp6(const Udp& header = {}, const Bytes& body = {});
Bytes in4(std::uint8_t protocol, const Bytes& body);
Bytes in6(std::uint8_t next, const Bytes& body);

}  // namespace weir::tests
