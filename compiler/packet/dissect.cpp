// Tested by tests/unit/sema/packet_text_test.cpp with `packets as text`.
#include "compiler/packet/dissect.h"

#include <algorithm>

namespace weir::packet {
namespace {

// A frame taken apart as if build_frame() had made it. Whether it had is known once it is built again.
class Dissection {
public:
    explicit Dissection(std::span<const std::uint8_t> frame) : left_(frame) {}
    std::optional<TestPacket> read();

private:
    std::span<const std::uint8_t> take(std::size_t bytes) {
        is_short_ = is_short_ || bytes > left_.size();
        const auto taken = left_.first(std::min(bytes, left_.size()));
        left_ = left_.subspan(taken.size());
        return taken;
    }
    template <typename T>
    T number() {
        T value = 0;
        for (const std::uint8_t byte : take(sizeof(T))) value = static_cast<T>(std::uint64_t{value} << 8 | byte);
        return value;
    }
    template <typename T>
    void bytes(T& into, std::size_t count) {
        const auto taken = take(count);
        std::copy(taken.begin(), taken.end(), into.bytes.begin());
    }
    IpAddress address(std::uint8_t version) {
        IpAddress address;
        address.version = version;
        bytes(address, version == 4 ? 4 : 16);
        return address;
    }
    std::optional<std::uint16_t> link();
    bool arp();
    bool ip4();
    bool ip6();
    bool extensions(std::uint8_t next);
    bool transport(std::uint8_t number);
    void tcp();

    std::span<const std::uint8_t> left_;
    TestPacket packet_{};
    bool is_short_ = false;
};

// The type of what follows.
std::optional<std::uint16_t> Dissection::link() {
    bytes(packet_.eth_destination, 6);
    bytes(packet_.eth_source, 6);
    auto type = number<std::uint16_t>();
    while ((type == 0x8100 || type == 0x88a8) && !is_short_) {
        const auto tag = number<std::uint16_t>();
        if (packet_.vlans.empty()) packet_.pcp = static_cast<std::uint8_t>(tag >> 13);
        packet_.vlans.push_back(tag & 0xfff);
        type = number<std::uint16_t>();
    }
    if (type == 0x8864) {
        take(2);
        packet_.pppoe = number<std::uint16_t>();
        take(2);
        type = number<std::uint16_t>() == 0x0021 ? 0x0800 : 0x86dd;
    } else if (type == 0x8847) {
        for (bool is_last = false; !is_last && !is_short_;) {
            const auto entry = number<std::uint32_t>();
            packet_.mpls.push_back(entry >> 12);
            is_last = (entry & 0x100) != 0;
        }
        if (left_.empty()) return std::nullopt;
        type = left_[0] >> 4 == 4 ? 0x0800 : 0x86dd;
    }
    return is_short_ ? std::nullopt : std::optional(type);
}

bool Dissection::arp() {
    packet_.protocol = TestProtocol::kArp;
    take(6);
    packet_.arp_op = number<std::uint16_t>();
    take(6);
    packet_.source = address(4);
    take(6);
    packet_.destination = address(4);
    return left_.empty();
}

bool Dissection::ip4() {
    const auto first = number<std::uint8_t>();
    const auto tos = number<std::uint8_t>();
    packet_.dscp = tos >> 2;
    packet_.ecn = tos & 3;
    take(2);
    packet_.ip_id = number<std::uint16_t>();
    const auto fragment = number<std::uint16_t>();
    packet_.dont_fragment = (fragment & 0x4000) != 0;
    packet_.more_fragments = (fragment & 0x2000) != 0;
    packet_.fragment_offset = static_cast<std::uint16_t>((fragment & 0x1fff) * 8);
    packet_.ttl = number<std::uint8_t>();
    const auto protocol = number<std::uint8_t>();
    take(2);
    packet_.source = address(4);
    packet_.destination = address(4);
    packet_.source_route = first == 0x47;
    if (packet_.source_route) take(8);
    return transport(protocol);
}

bool Dissection::ip6() {
    const auto first = number<std::uint32_t>();
    packet_.dscp = first >> 22 & 0x3f;
    packet_.ecn = first >> 20 & 3;
    packet_.flow_label = first & 0xfffff;
    take(2);
    const auto next = number<std::uint8_t>();
    packet_.ttl = number<std::uint8_t>();
    packet_.source = address(6);
    packet_.destination = address(6);
    return extensions(next);
}

bool Dissection::extensions(std::uint8_t next) {
    while (!is_short_ && (next == 0 || next == 60 || next == 43 || next == 44)) {
        const std::uint8_t kind = next;
        next = number<std::uint8_t>();
        if (kind == 44) {
            take(1);
            const auto fragment = number<std::uint16_t>();
            packet_.fragment_offset = fragment & 0xfff8;
            packet_.more_fragments = (fragment & 1) != 0;
            packet_.ip_id = number<std::uint32_t>();
            continue;
        }
        take(1);
        const auto type = number<std::uint8_t>();
        take(5);
        packet_.hop_by_hop = packet_.hop_by_hop || kind == 0;
        packet_.destination_options = packet_.destination_options || kind == 60;
        if (kind == 43) packet_.routing_type = type;
    }
    return transport(next);
}

void Dissection::tcp() {
    packet_.seq = number<std::uint32_t>();
    packet_.ack_seq = number<std::uint32_t>();
    const auto offset = number<std::uint8_t>();
    packet_.tcp_flags = number<std::uint8_t>();
    packet_.window = number<std::uint16_t>();
    take(4);
    if (offset != 0x60) return;
    take(2);
    packet_.mss = number<std::uint16_t>();
}

bool Dissection::transport(std::uint8_t number_of) {
    switch (number_of) {
        case 6: packet_.protocol = TestProtocol::kTcp; break;
        case 17: packet_.protocol = TestProtocol::kUdp; break;
        case 132: packet_.protocol = TestProtocol::kSctp; break;
        case 1: packet_.protocol = TestProtocol::kIcmp; break;
        case 58: packet_.protocol = TestProtocol::kIcmp6; break;
        case 47: packet_.protocol = TestProtocol::kGre; break;
        case 4: packet_.protocol = TestProtocol::kIp4InIp; break;
        case 41: packet_.protocol = TestProtocol::kIp6InIp; break;
        default: return false;
    }
    if (number_of == 6 || number_of == 17 || number_of == 132) {
        packet_.source_port = number<std::uint16_t>();
        packet_.destination_port = number<std::uint16_t>();
        if (number_of == 6)
            tcp();
        else
            take(number_of == 17 ? 4 : 8);
    } else if (number_of == 1 || number_of == 58) {
        packet_.icmp_type = number<std::uint8_t>();
        packet_.icmp_code = number<std::uint8_t>();
        take(2);
        packet_.icmp_id = number<std::uint16_t>();
        packet_.seq = number<std::uint16_t>();
    }
    packet_.payload.assign(left_.begin(), left_.end());
    return !is_short_;
}

std::optional<TestPacket> Dissection::read() {
    const auto type = link();
    if (!type) return std::nullopt;
    const bool is_read = *type == 0x0806 ? arp() : *type == 0x0800 ? ip4() : *type == 0x86dd && ip6();
    return is_read && !is_short_ ? std::optional(packet_) : std::nullopt;
}

}  // namespace

std::optional<TestPacket> dissect(std::span<const std::uint8_t> frame) { return Dissection(frame).read(); }

}  // namespace weir::packet
