// Packets in packets.
// Tested by tests/unit/analysis/probe_frames_test.cpp with `probe_frames`.
#include "bpf/abi.h"
#include "compiler/packet/probe_packet.h"

namespace weir::packet {
namespace {

constexpr std::size_t kEthernetBytes = 14;
constexpr std::uint8_t kUnreachable4 = 3, kUnreachable6 = 1;

}  // namespace

ProbePacket& ProbePacket::within() {
    if (within_.empty() && is_plain_) within_.emplace_back(random_, TestProtocol::kTcp);
    if (within_.empty()) within_.emplace_back(random_);
    return within_.front();
}

// Whether the field is one of tunnels.
bool ProbePacket::need_tunnel(FieldId field_id) {
    switch (field_id) {
        case FieldId::kVxlan:
        case FieldId::kVxlanVni: tunnel_.kind = TestTunnel::kVxlan; break;
        case FieldId::kGeneve:
        case FieldId::kGeneveVni: tunnel_.kind = TestTunnel::kGeneve; break;
        case FieldId::kGre: tunnel_.kind = TestTunnel::kGre; break;
        case FieldId::kGreKey:
            tunnel_.kind = TestTunnel::kGre;
            if (!tunnel_.gre_key) tunnel_.gre_key = 0;
            break;
        case FieldId::kIpip:
            tunnel_.kind = TestTunnel::kIpip;
            within().need(FieldId::kIp);
            break;
        case FieldId::kInner: within().need(FieldId::kIp); break;
        default: return false;
    }
    within();
    return true;
}

bool ProbePacket::set_tunnel_number(FieldId field_id, std::uint64_t value) {
    if (field_id == FieldId::kGreKey)
        tunnel_.gre_key = static_cast<std::uint32_t>(value);
    else if (field_id == FieldId::kVxlanVni || field_id == FieldId::kGeneveVni)
        tunnel_.vni = static_cast<std::uint32_t>(value);
    else
        return false;
    return true;
}

bool ProbePacket::set_tunnel_flag(FieldId field_id, bool value) {
    if (field_id == FieldId::kIcmpHasInner || field_id == FieldId::kIcmp6HasInner) {
        const bool is_ip4 = field_id == FieldId::kIcmpHasInner;
        set_protocol(is_ip4 ? TestProtocol::kIcmp : TestProtocol::kIcmp6);
        is_error_ = value;
        if (value)
            within().need(is_ip4 ? FieldId::kIp4 : FieldId::kIp6);
        else
            within_.clear();
        return true;
    }
    if (!value) {
        const bool is_tunnel = field_id == FieldId::kVxlan || field_id == FieldId::kGeneve ||
                               field_id == FieldId::kGre || field_id == FieldId::kIpip || field_id == FieldId::kInner;
        if (is_tunnel) within_.clear();
        return is_tunnel;
    }
    return need_tunnel(field_id);
}

// This packet with that frame, or the packet of it, in there.
std::vector<std::uint8_t> ProbePacket::around(const std::vector<std::uint8_t>& frame) const {
    const bool is_ip4 = frame[12] == 0x08 && frame[13] == 0x00, is_ip6 = frame[12] == 0x86 && frame[13] == 0xdd;
    const bool is_icmp = packet_.protocol == (is_ip4 ? TestProtocol::kIcmp : TestProtocol::kIcmp6);
    if (is_error_ && is_icmp && (is_ip4 || is_ip6)) {
        TestPacket error = packet_;
        error.icmp_type = is_ip4 ? kUnreachable4 : kUnreachable6;
        error.payload.assign(frame.begin() + kEthernetBytes, frame.end());
        return build_frame(error);
    }
    TestPacket outer = packet_;
    TunnelHeader header = tunnel_;
    outer.more_fragments = false;
    outer.fragment_offset = 0;
    outer.destination_port = header.kind == TestTunnel::kVxlan ? 4789 : header.kind == TestTunnel::kGeneve ? 6081 : 0;
    if (outer.protocol == TestProtocol::kArp) outer.protocol = TestProtocol::kUdp;
    auto made = build_tunnel(frame, header, outer);
    if (made) return std::move(*made);
    header.kind = TestTunnel::kVxlan;
    outer.destination_port = 4789;
    return *build_tunnel(frame, header, outer);
}

}  // namespace weir::packet
