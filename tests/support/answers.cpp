#include "tests/support/answers.h"

#include <algorithm>

namespace weir::tests {
namespace {

std::uint64_t number(const Bytes& bytes, std::size_t at, std::size_t count) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < count; ++i) value = value << 8 | bytes.at(at + i);
    return value;
}
Bytes part(const Bytes& bytes, std::size_t begin, std::size_t end) {
    return {bytes.begin() + static_cast<std::ptrdiff_t>(begin), bytes.begin() + static_cast<std::ptrdiff_t>(end)};
}

// RFC 1071: the sum as it is received, 0xffff where the checksum within is right.
std::uint32_t ones_sum(const Bytes& bytes) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); i += 2) {
        sum += static_cast<std::uint32_t>(bytes[i]) << 8;
        if (i + 1 < bytes.size()) sum += bytes[i + 1];
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}
Bytes with_checksum(Bytes header, std::size_t at, const Bytes& before = {}, const Bytes& behind = {}) {
    const std::uint32_t sum = ones_sum(before + header + behind) ^ 0xffff;
    header[at] = static_cast<std::uint8_t>(sum >> 8);
    header[at + 1] = static_cast<std::uint8_t>(sum);
    return header;
}

// What of a frame matters.
struct Frame {
    Bytes link;             // Ethernet, tags, PPPoE
    std::size_t pppoe = 0;  // where its header is
    Bytes datagram;         // without padding
    bool is_ip6 = false;
    Bytes source, destination;
    std::uint64_t protocol = 0;
    std::size_t transport = 0;  // in the datagram
    bool is_later_fragment = false;
};

// IPv6, behind the extension headers. RFC 8200.
void walk_extensions(Frame& frame) {
    for (;;) {
        const std::uint64_t kind = frame.protocol;
        const bool is_authentication = kind == 51, is_fragment = kind == 44;
        const bool is_known = kind == 0 || kind == 43 || kind == 60 || kind == 135 || kind == 139 || kind == 140;
        if (!is_authentication && !is_fragment && !is_known) return;
        const std::size_t at = frame.transport;
        if (is_fragment && (number(frame.datagram, at + 2, 2) & 0xfff8) != 0) {
            frame.is_later_fragment = true;
            return;
        }
        const std::uint64_t length = frame.datagram.at(at + 1);
        frame.transport += is_fragment ? 8 : is_authentication ? (length + 2) * 4 : (length + 1) * 8;
        frame.protocol = frame.datagram.at(at);
    }
}

std::optional<Frame> read(const Bytes& bytes) {
    if (bytes.size() < 14) return std::nullopt;
    Frame frame;
    std::size_t at = 12;
    std::uint64_t type = number(bytes, at, 2);
    while (type == 0x8100 || type == 0x88a8 || type == 0x9100) type = number(bytes, at += 4, 2);
    at += 2;
    if (type == 0x8864) {
        frame.pppoe = at;
        at += 6;
        const bool is_short = (bytes.at(at) & 1) != 0;
        const std::uint64_t ppp = is_short ? bytes[at] : number(bytes, at, 2);
        at += is_short ? 1 : 2;
        type = ppp == 0x21 ? 0x0800 : ppp == 0x57 ? 0x86dd : 0;
    }
    if (type != 0x0800 && type != 0x86dd) return std::nullopt;
    frame.is_ip6 = type == 0x86dd;
    frame.link = part(bytes, 0, at);
    const std::size_t length = frame.is_ip6 ? 40 + number(bytes, at + 4, 2) : number(bytes, at + 2, 2);
    frame.datagram = part(bytes, at, at + length);
    const Bytes& ip = frame.datagram;
    if (frame.is_ip6) {
        frame.source = part(ip, 8, 24), frame.destination = part(ip, 24, 40);
        frame.protocol = ip[6], frame.transport = 40;
        walk_extensions(frame);
    } else {
        frame.source = part(ip, 12, 16), frame.destination = part(ip, 16, 20);
        frame.protocol = ip[9], frame.transport = (ip[0] & 15u) * 4;
        frame.is_later_fragment = (number(ip, 6, 2) & 0x1fff) != 0;
    }
    return frame;
}

bool is_of_many(const Bytes& address) {
    if (address.size() == 16) return address[0] == 0xff;
    return (address[0] >= 224 && address[0] <= 239) || address == hex("ffffffff");
}
bool is_nobody(const Bytes& address) {
    if (address.size() == 4) return address[0] == 0 || address[0] == 127;
    return address == zeros(16) || address == zeros(15) + Bytes{1};
}

// docs/language.md, "reject": what is never answered.
bool is_never_answered(const Frame& frame) {
    if ((frame.link[0] & 1) != 0 || (frame.link[6] & 1) != 0 || frame.is_later_fragment) return true;
    if (is_of_many(frame.source) || is_of_many(frame.destination) || is_nobody(frame.source)) return true;
    const Bytes& ip = frame.datagram;
    if (frame.protocol == 6) return (ip.at(frame.transport + 13) & 4) != 0;
    if (frame.is_ip6 && frame.protocol == 58) {
        const unsigned type = ip.at(frame.transport);
        return type < 128 || type == 137;
    }
    if (!frame.is_ip6 && frame.protocol == 1) {
        const unsigned type = ip.at(frame.transport);
        return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
    }
    return false;
}

Bytes pseudo_header(const Frame& frame, std::size_t bytes, std::uint8_t protocol) {
    if (frame.is_ip6) return frame.destination + frame.source + be32(bytes) + Bytes{0, 0, 0, protocol};
    return frame.destination + frame.source + Bytes{0, protocol} + be16(bytes);
}

// RFC 9293, 3.10.7.1.
Bytes reset(const Frame& frame) {
    const Bytes& ip = frame.datagram;
    const std::size_t at = frame.transport;
    const std::size_t payload = ip.size() - at - (ip[at + 12] >> 4) * 4u;
    const unsigned flags = ip[at + 13];
    const Bytes ports = part(ip, at + 2, at + 4) + part(ip, at, at + 2);
    Bytes tcp;
    if ((flags & 0x10) != 0) {
        tcp = ports + part(ip, at + 8, at + 12) + be32(0) + hex("5004");
    } else {
        const std::uint64_t length = payload + ((flags & 2) != 0 ? 1 : 0) + ((flags & 1) != 0 ? 1 : 0);
        tcp = ports + be32(0) + be32((number(ip, at + 4, 4) + length) & 0xffffffff) + hex("5014");
    }
    return with_checksum(tcp + zeros(6), 16, pseudo_header(frame, 20, 6));
}

Bytes prohibited(const Frame& frame) {
    const std::size_t most = frame.is_ip6 ? 1280 - 48 : 576 - 28;
    const Bytes quoted = cut(frame.datagram, std::min(most, frame.datagram.size()));
    const Bytes header = hex(frame.is_ip6 ? "0101 0000 00000000" : "030d 0000 00000000");
    const Bytes before = frame.is_ip6 ? pseudo_header(frame, 8 + quoted.size(), 58) : Bytes{};
    return with_checksum(header, 2, before, quoted) + quoted;
}

}  // namespace

std::optional<Bytes> answer_to(const Bytes& bytes) {
    const auto frame = read(bytes);
    if (!frame || is_never_answered(*frame)) return std::nullopt;
    const bool is_tcp = frame->protocol == 6;
    const Bytes body = is_tcp ? reset(*frame) : prohibited(*frame);
    Bytes ip;
    if (frame->is_ip6)
        ip = hex("60000000") + be16(body.size()) + Bytes{static_cast<std::uint8_t>(is_tcp ? 6 : 58), 64} +
             frame->destination + frame->source;
    else
        ip = with_checksum(Bytes{0x45, static_cast<std::uint8_t>(is_tcp ? 0 : 0xc0)} + be16(20 + body.size()) +
                               hex("0000 4000 40") + Bytes{static_cast<std::uint8_t>(is_tcp ? 6 : 1)} + zeros(2) +
                               frame->destination + frame->source,
                           10);
    Bytes link = part(frame->link, 6, 12) + part(frame->link, 0, 6) + part(frame->link, 12, frame->link.size());
    if (frame->pppoe != 0) {
        const std::size_t ppp = link.size() - frame->pppoe - 6;
        link = patched(link, frame->pppoe + 4, be16(ppp + ip.size() + body.size()));
    }
    return link + ip + body;
}

std::string wrong_checksum(const Bytes& answer) {
    const auto frame = read(answer);
    if (!frame) return "not IP";
    const Bytes& ip = frame->datagram;
    if (!frame->is_ip6 && ones_sum(part(ip, 0, 20)) != 0xffff) return "of IPv4";
    const Bytes body = part(ip, frame->transport, ip.size());
    const bool has_pseudo = frame->is_ip6 || frame->protocol == 6;
    const Bytes before =
        has_pseudo ? pseudo_header(*frame, body.size(), static_cast<std::uint8_t>(frame->protocol)) : Bytes{};
    return ones_sum(before + body) == 0xffff ? "" : "of TCP or ICMP";
}

}  // namespace weir::tests
