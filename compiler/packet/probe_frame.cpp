// Tested by tests/unit/analysis/probe_frames_test.cpp with `probe_frames`.
#include "compiler/packet/probe_packet.h"

namespace weir::packet {
namespace {

constexpr std::size_t kIp6HeaderBytes = 40;

std::uint16_t checksum_of(const std::uint8_t* header, std::size_t bytes) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < bytes; i += 2) sum += static_cast<std::uint32_t>(header[i] << 8 | header[i + 1]);
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
}

}  // namespace

// Of IPv6 extension headers, eight bytes each, but for a fragment's.
std::size_t ProbePacket::extension_bytes() const {
    return 8 * ((packet_.hop_by_hop ? 1u : 0u) + (packet_.destination_options ? 1u : 0u) +
                (packet_.routing_type ? 1u : 0u));
}

std::vector<std::uint8_t> ProbePacket::frame() const {
    if (!within_.empty()) return around(within_.front().frame());
    std::vector<std::uint8_t> frame = build_frame(packet_);
    const std::size_t type = 12 + 4 * packet_.vlans.size(), ip = link_bytes(packet_);
    if (other_ether_type_) {
        frame[type] = static_cast<std::uint8_t>(*other_ether_type_ >> 8);
        frame[type + 1] = static_cast<std::uint8_t>(*other_ether_type_);
    } else if (other_protocol_ && packet_.source.version == 4) {
        frame[ip + 9] = *other_protocol_;
        frame[ip + 10] = frame[ip + 11] = 0;
        const std::uint16_t sum = checksum_of(&frame[ip], (frame[ip] & 15u) * 4);
        frame[ip + 10] = static_cast<std::uint8_t>(sum >> 8);
        frame[ip + 11] = static_cast<std::uint8_t>(sum);
    } else if (other_protocol_ && !packet_.more_fragments && packet_.fragment_offset == 0) {
        // The last extension header's next header, each having 8 bytes; without one the IPv6 header's own.
        const std::size_t bytes = extension_bytes();
        frame[bytes == 0 ? ip + 6 : ip + kIp6HeaderBytes + bytes - 8] = *other_protocol_;
    }
    if (malformed_) spoil(frame);
    return frame;
}

// A header length of 0 in TCP, whose IP header then is as it should be; else lengths that reach beyond the frame's end.
void ProbePacket::spoil(std::vector<std::uint8_t>& frame) const {
    const std::size_t ip = link_bytes(packet_);
    const bool is_whole = !packet_.more_fragments && packet_.fragment_offset == 0;
    if (packet_.protocol != TestProtocol::kTcp || other_ether_type_ || other_protocol_ || !is_whole)
        return frame.pop_back();
    const std::size_t headers =
        packet_.source.version == 4 ? (frame[ip] & 15u) * 4 : kIp6HeaderBytes + extension_bytes();
    frame[ip + headers + 12] &= 0x0f;
}

}  // namespace weir::packet
