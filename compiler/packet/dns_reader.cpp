// Tested by tests/unit/packet/dns_reader_test.cpp with `dns`.
#include "compiler/packet/dns_reader.h"

namespace weir::packet {
namespace {

constexpr std::size_t kHeaderBytes = 12;
constexpr std::size_t kMaxNameBytes = 255;  // RFC 1035, 3.1: length bytes and the root's included
constexpr std::size_t kMaxLabelBytes = 63;  // a length byte above it is a pointer, or reserved

std::uint16_t number16(std::span<const std::uint8_t> bytes, std::size_t at) {
    return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

// The name at `at`, which becomes the offset behind it.
std::optional<DomainName> read_name(std::span<const std::uint8_t> payload, std::size_t& at) {
    DomainName name;
    const std::size_t begin = at;
    for (;;) {
        if (at >= payload.size()) return std::nullopt;
        const std::size_t bytes = payload[at];
        if (bytes > kMaxLabelBytes) return std::nullopt;
        if (at + 1 + bytes > payload.size() || at + 1 + bytes - begin > kMaxNameBytes) return std::nullopt;
        const auto label = payload.subspan(at + 1, bytes);
        at += 1 + bytes;
        if (bytes == 0) return name;
        name.labels.push_back(folded(std::string(label.begin(), label.end())));
    }
}

}  // namespace

std::optional<DnsMessage> read_dns(std::span<const std::uint8_t> payload) {
    if (payload.size() < kHeaderBytes) return std::nullopt;
    const std::uint16_t flags = number16(payload, 2);
    const std::uint16_t questions = number16(payload, 4);
    if (questions == 0) return std::nullopt;
    std::size_t at = kHeaderBytes;
    const auto name = read_name(payload, at);
    if (!name || at + 4 > payload.size()) return std::nullopt;
    DnsMessage message;
    message.qname = *name;
    message.qtype = number16(payload, at);
    message.is_response = (flags & 0x8000) != 0;
    message.rcode = static_cast<std::uint8_t>(flags & 15);
    message.answers = number16(payload, 6);
    return message;
}

}  // namespace weir::packet
