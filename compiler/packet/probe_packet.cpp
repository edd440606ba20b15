// Tested by tests/unit/analysis/probe_frames_test.cpp with `probe_frames`.
#include "compiler/packet/probe_packet.h"

#include <algorithm>

#include "bpf/abi.h"

namespace weir::packet {
namespace {

constexpr std::size_t kMaxFrameBytes = 3000;  // what a test run takes (runtime/trial_run.h), with some room
constexpr std::uint16_t kServices[] = {22, 25, 53, 80, 123, 443, 3306, 3389, 8080};

std::size_t address_bytes(const IpAddress& address) { return address.version == 4 ? 4 : 16; }

}  // namespace

IpAddress address_between(Seeded& random, const IpAddress& first, const IpAddress& last) {
    IpAddress made = first;
    const std::size_t bytes = address_bytes(first);
    std::size_t i = 0;
    while (i < bytes && first.bytes[i] == last.bytes[i]) ++i;
    if (i == bytes) return made;
    made.bytes[i] = static_cast<std::uint8_t>(random.between(first.bytes[i], last.bytes[i]));
    for (++i; i < bytes; ++i) made.bytes[i] = static_cast<std::uint8_t>(random.next());
    return std::clamp(made, first, last);
}

IpAddress random_address(Seeded& random, std::uint8_t version) {
    IpAddress made;
    made.version = version;
    for (std::size_t i = 0; i < address_bytes(made); ++i) made.bytes[i] = static_cast<std::uint8_t>(random.next());
    if (version == 6) made.bytes[0] = 0x20;  // global unicast
    return made;
}

IpAddress neighbour(IpAddress address, Side side) {
    for (std::size_t i = address_bytes(address); i-- > 0;) {
        const std::uint8_t turned = side == Side::kAbove ? 0xff : 0x00;  // the byte that carries
        const bool carries = address.bytes[i] == turned;
        address.bytes[i] = static_cast<std::uint8_t>(address.bytes[i] + (side == Side::kAbove ? 1 : -1));
        if (!carries) break;
    }
    return address;
}

ProbePacket::ProbePacket(Seeded& random) : random_(random) {
    packet_.protocol = random.one_in(3) ? TestProtocol::kUdp : TestProtocol::kTcp;
    randomise();
}

ProbePacket::ProbePacket(Seeded& random, TestProtocol protocol) : random_(random), is_plain_(true) {
    constexpr std::uint16_t kWebPort = 80;
    packet_.protocol = protocol;
    packet_.destination_port = kWebPort;
    const bool is_ip6 = protocol == TestProtocol::kIcmp6;
    packet_.source = new_address(is_ip6 ? 6 : 4, 1);
    packet_.destination = new_address(is_ip6 ? 6 : 4, 2);
}

IpAddress ProbePacket::new_address(std::uint8_t version, std::uint8_t last) {
    if (!is_plain_) return random_address(random_, version);
    IpAddress made;
    made.version = version;
    if (version == 4)
        made.bytes = {192, 0, 2, last};  // RFC 5737
    else
        made.bytes = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last};  // RFC 3849
    return made;
}

void ProbePacket::randomise() {
    const std::uint8_t version = packet_.source.version;
    packet_.source = random_address(random_, version);
    packet_.destination = random_address(random_, version);
    packet_.source_port = static_cast<std::uint16_t>(random_.next());
    packet_.destination_port =
        random_.one_in(2) ? kServices[random_.below(std::size(kServices))] : static_cast<std::uint16_t>(random_.next());
    packet_.tcp_flags = random_.one_in(2) ? 0x10 : static_cast<std::uint8_t>(random_.next() & 0x3f);
    packet_.ttl = random_.one_in(2) ? 64 : static_cast<std::uint8_t>(1 + random_.below(255));
    packet_.ip_id = static_cast<std::uint32_t>(random_.next() & 0xffff);
    packet_.more_fragments = false;
    packet_.fragment_offset = 0;
    packet_.payload.assign(random_.below(32), '\0');
    for (char& byte : packet_.payload) byte = static_cast<char>(random_.next());
    malformed_ = false;
    for (ProbePacket& inner : within_) inner.randomise();
}

void ProbePacket::set_version(std::uint8_t version) {
    if (packet_.source.version != version) {
        packet_.source = new_address(version, 1);
        packet_.destination = new_address(version, 2);
    }
    if (packet_.protocol == TestProtocol::kArp && version == 6) packet_.protocol = TestProtocol::kTcp;
    if (packet_.protocol == TestProtocol::kIcmp && version == 6) packet_.protocol = TestProtocol::kIcmp6;
    if (packet_.protocol == TestProtocol::kIcmp6 && version == 4) packet_.protocol = TestProtocol::kIcmp;
    other_ether_type_.reset();
}

void ProbePacket::set_protocol(TestProtocol protocol) {
    packet_.protocol = protocol;
    other_protocol_.reset();
    other_ether_type_.reset();
    if (protocol == TestProtocol::kIcmp || protocol == TestProtocol::kArp) set_version(4);
    if (protocol == TestProtocol::kIcmp6) set_version(6);
}

void ProbePacket::set_protocol_number(std::uint64_t number) {
    const bool ip4 = packet_.source.version == 4;
    switch (number & 0xff) {
        case 1:
            if (ip4 || !version_fixed_) return set_protocol(TestProtocol::kIcmp);
            break;
        case 6: return set_protocol(TestProtocol::kTcp);
        case 17: return set_protocol(TestProtocol::kUdp);
        case 58:
            if (!ip4 || !version_fixed_) return set_protocol(TestProtocol::kIcmp6);
            break;
        case 132: return set_protocol(TestProtocol::kSctp);
        // In IPv6 these announce a header that is not there.
        case 0:
        case 43:
        case 44:
        case 51:
        case 60:
        case 135:
        case 139:
        case 140:
            if (!ip4) set_version(4);
            break;
        default: break;
    }
    set_protocol(TestProtocol::kUdp);
    other_protocol_ = static_cast<std::uint8_t>(number);
}

void ProbePacket::need_ports() {
    const TestProtocol has = packet_.protocol;
    const bool ports = has == TestProtocol::kTcp || has == TestProtocol::kUdp || has == TestProtocol::kSctp;
    if (!ports || other_protocol_) set_protocol(random_.one_in(2) ? TestProtocol::kTcp : TestProtocol::kUdp);
}

void ProbePacket::need_vlan(std::size_t tags) {
    while (packet_.vlans.size() < tags) packet_.vlans.push_back(static_cast<std::uint16_t>(random_.below(4095)));
}

// One of the two: HAS_PPPOE or HAS_MPLS.
void ProbePacket::need_link(std::uint8_t present_bit) {
    if (present_bit == WEIR_HAS_PPPOE) {
        packet_.mpls.clear();
        if (!packet_.pppoe) packet_.pppoe = static_cast<std::uint16_t>(random_.next());
    } else {
        packet_.pppoe.reset();
        if (packet_.mpls.empty()) packet_.mpls.push_back(static_cast<std::uint32_t>(random_.below(1u << 20)));
    }
}

void ProbePacket::need_http(std::uint8_t present_bit) {
    need(FieldId::kTcp);
    head_.need(present_bit);
    packet_.payload = head_.payload();
}

void ProbePacket::need_hello() {
    set_protocol(TestProtocol::kTcp);
    if (!hello_) hello_ = TestHello{.name = "example.com", .alpn = "h2"};
    packet_.payload = client_hello(*hello_);
}

void ProbePacket::need(FieldId field_id) {
    if (layer_of(field_id) == Layer::kInner) return within().need(static_cast<FieldId>(row_of(field_id)));
    if (need_tunnel(field_id)) return;
    const std::uint8_t present_bit = field(field_id).present_bit;
    switch (present_bit) {
        case WEIR_HAS_ARP:
        case WEIR_HAS_ARP_IP: return set_protocol(TestProtocol::kArp);
        case WEIR_HAS_VLAN:
        case WEIR_HAS_VLAN_INNER: return need_vlan(present_bit == WEIR_HAS_VLAN ? 1 : 2);
        case WEIR_HAS_PPPOE:
        case WEIR_HAS_MPLS: need_link(present_bit); break;
        case WEIR_HAS_PORTS: return need_ports();
        case WEIR_HAS_TCP:
        case WEIR_HAS_TCP_MSS:
            if (packet_.protocol != TestProtocol::kTcp) set_protocol(TestProtocol::kTcp);
            return;
        case WEIR_HAS_UDP:
            if (packet_.protocol != TestProtocol::kUdp || other_protocol_) set_protocol(TestProtocol::kUdp);
            return;
        case WEIR_HAS_DNS: return need_dns();
        case WEIR_HAS_TLS:
        case WEIR_HAS_TLS_VERSION:
        case WEIR_HAS_SNI:
        case WEIR_HAS_ALPN: return need_hello();
        case WEIR_HAS_HTTP:
        case WEIR_HAS_HTTP_REQUEST:
        case WEIR_HAS_HTTP_HOST:
        case WEIR_HAS_USER_AGENT:
        case WEIR_HAS_HTTP_STATUS: return need_http(present_bit);
        case WEIR_HAS_SCTP: return set_protocol(TestProtocol::kSctp);
        case WEIR_HAS_ICMP: return set_protocol(TestProtocol::kIcmp);
        case WEIR_HAS_ICMP6: return set_protocol(TestProtocol::kIcmp6);
        case WEIR_HAS_ICMP_ECHO:
        case WEIR_HAS_ICMP6_ECHO:
            set_protocol(present_bit == WEIR_HAS_ICMP_ECHO ? TestProtocol::kIcmp : TestProtocol::kIcmp6);
            packet_.icmp_type.reset();  // an echo request
            return;
        case WEIR_HAS_IP4:
        case WEIR_HAS_IP6:
            set_version(present_bit == WEIR_HAS_IP4 ? 4 : 6);
            version_fixed_ = true;
            break;
        case WEIR_IS_IP6_ROUTING:
            need(FieldId::kIp6Routing);
            if (!packet_.routing_type) packet_.routing_type = 0;
            return;
        case WEIR_HAS_IP:
        case WEIR_HAS_IP_PROTO:
        case WEIR_HAS_IP_ID:
        case WEIR_HAS_PAYLOAD: break;
        default: return;  // every frame has it
    }
    if (packet_.protocol == TestProtocol::kArp || other_ether_type_) set_protocol(TestProtocol::kTcp);
}

// Of fragments, options and extension headers.
bool ProbePacket::set_ip_flag(FieldId field_id, bool value) {
    switch (field_id) {
        case FieldId::kIpMf:
            need(field_id);
            packet_.more_fragments = value;
            return true;
        case FieldId::kIpDf: packet_.dont_fragment = value; break;
        case FieldId::kIpIsFragment:
        case FieldId::kIp6Fragment:
            need(field_id);
            packet_.more_fragments = value;
            packet_.fragment_offset = 0;
            if (value && random_.one_in(4)) {  // a later one, or the last
                packet_.fragment_offset = static_cast<std::uint16_t>(8 * random_.between(1, 180));
                packet_.more_fragments = random_.one_in(2);
            }
            return true;
        case FieldId::kIpHasOptions:
            need(field_id);
            if (!version_fixed_ && random_.one_in(2)) set_version(6);
            packet_.source_route = packet_.hop_by_hop = value;  // of the version that it has
            if (!value) packet_.destination_options = false, packet_.routing_type.reset();
            return true;
        case FieldId::kIp4SourceRoute:
            need(field_id);
            packet_.source_route = value;
            return true;
        case FieldId::kIp6HopByHop:
            need(field_id);
            packet_.hop_by_hop = value;
            return true;
        case FieldId::kIp6Destination:
            need(field_id);
            packet_.destination_options = value;
            return true;
        case FieldId::kIp6Routing:
            need(field_id);
            packet_.routing_type = value ? std::optional(packet_.routing_type.value_or(0)) : std::nullopt;
            return true;
        default: return false;
    }
    need(field_id);
    return true;
}

void ProbePacket::set_flag(FieldId field_id, bool value) {
    if (layer_of(field_id) == Layer::kInner) return within().set_flag(static_cast<FieldId>(row_of(field_id)), value);
    if (set_tunnel_flag(field_id, value) || set_ip_flag(field_id, value)) return;
    switch (field_id) {
        case FieldId::kMalformed: malformed_ = value; return;
        case FieldId::kEthIsMulticast: {
            std::uint8_t& first = packet_.eth_destination.bytes[0];
            first = static_cast<std::uint8_t>(value ? first | 1u : first & ~1u);
            return;
        }
        case FieldId::kVlan: value ? need_vlan(1) : packet_.vlans.clear(); return;
        case FieldId::kPppoe: value ? need(field_id) : packet_.pppoe.reset(); return;
        case FieldId::kMpls: value ? need(field_id) : packet_.mpls.clear(); return;
        case FieldId::kIp: value ? need(field_id) : set_protocol(TestProtocol::kArp); return;
        case FieldId::kIp4: return need(value ? FieldId::kIp4 : FieldId::kIp6);
        case FieldId::kIp6: return need(value ? FieldId::kIp6 : FieldId::kIp4);
        case FieldId::kArp: value ? need(field_id) : set_protocol(TestProtocol::kTcp); return;
        case FieldId::kDns: value ? need(field_id) : packet_.payload.clear(); return;
        case FieldId::kDnsIsResponse: set_dns_number(field_id, value ? 1 : 0); return;
        case FieldId::kTls: value ? need_hello() : packet_.payload.clear(); return;
        case FieldId::kTlsIsClientHello:
            need_hello();
            if (!value) packet_.payload[5] = 2;
            return;
        case FieldId::kTlsIsCut:
            need_hello();
            if (value) packet_.payload.pop_back();
            return;
        case FieldId::kTcp: value ? need(field_id) : set_protocol(TestProtocol::kUdp); return;
        case FieldId::kHttp: value ? need(field_id) : packet_.payload.clear(); return;
        case FieldId::kHttpIsCut: head_.is_cut = value; return need(field_id);
        case FieldId::kUdp:
        case FieldId::kSctp:
        case FieldId::kIcmp:
        case FieldId::kIcmp6: value ? need(field_id) : set_protocol(TestProtocol::kTcp); return;
        default: break;
    }
    if (field(field_id).offset != field(FieldId::kTcpFlags).offset || field(field_id).type != Type::kBool) return;
    need(field_id);
    const auto bit = static_cast<std::uint8_t>(1u << field(field_id).shift);
    packet_.tcp_flags = static_cast<std::uint8_t>(value ? packet_.tcp_flags | bit : packet_.tcp_flags & ~bit);
}

namespace {
MacAddress mac_of(std::uint64_t value) {
    MacAddress mac;
    for (std::size_t i = 0; i < mac.bytes.size(); ++i) mac.bytes[i] = static_cast<std::uint8_t>(value >> (40 - 8 * i));
    return mac;
}
}  // namespace

void ProbePacket::set_number(FieldId field_id, std::uint64_t value) {
    if (layer_of(field_id) == Layer::kInner) return within().set_number(static_cast<FieldId>(row_of(field_id)), value);
    const unsigned bits = field(field_id).bits;
    if (bits != 0 && bits < 64) value &= (std::uint64_t{1} << bits) - 1;
    need(field_id);
    if (set_tunnel_number(field_id, value) || set_dns_number(field_id, value)) return;
    if (!set_link_number(field_id, value) && !set_ip_number(field_id, value)) set_transport_number(field_id, value);
}

bool ProbePacket::set_link_number(FieldId field_id, std::uint64_t value) {
    const auto small = static_cast<std::uint16_t>(value);
    switch (field_id) {
        case FieldId::kPacketLen: {
            const std::size_t link = link_bytes(packet_);
            set_ip_bytes(value < link ? 0 : value - link);
            return true;
        }
        case FieldId::kEthSrc: packet_.eth_source = mac_of(value); return true;
        case FieldId::kEthDst: packet_.eth_destination = mac_of(value); return true;
        case FieldId::kVlanId: packet_.vlans[0] = small & 0xfff; return true;
        case FieldId::kVlanInnerId: packet_.vlans[1] = small & 0xfff; return true;
        case FieldId::kPppoeSession: packet_.pppoe = small; return true;
        case FieldId::kMplsLabel: packet_.mpls[0] = static_cast<std::uint32_t>(value); return true;
        case FieldId::kMplsDepth: packet_.mpls.resize(std::clamp<std::size_t>(value, 1, 4), 16); return true;
        case FieldId::kVlanPcp: packet_.pcp = static_cast<std::uint8_t>(small); return true;
        case FieldId::kVlanDepth: packet_.vlans.resize(std::min<std::size_t>(value, 2), 7); return true;
        case FieldId::kArpOp: packet_.arp_op = small; return true;
        case FieldId::kEthType:
            if (value == 0x0800 || value == 0x86dd)
                need(value == 0x0800 ? FieldId::kIp4 : FieldId::kIp6);
            else if (value == 0x0806)
                set_protocol(TestProtocol::kArp);
            else if (value == 0x8864)
                need(FieldId::kPppoe);
            else if (value == 0x8847)
                need(FieldId::kMpls);
            else if (value != 0x8100 && value != 0x88a8 && value != 0x9100)
                other_ether_type_ = small;
            return true;
        default: return false;
    }
}

bool ProbePacket::set_ip_number(FieldId field_id, std::uint64_t value) {
    const auto byte = static_cast<std::uint8_t>(value);
    switch (field_id) {
        case FieldId::kIpVersion:
            if (value == 4 || value == 6) need(value == 4 ? FieldId::kIp4 : FieldId::kIp6);
            return true;
        case FieldId::kIpProto: set_protocol_number(value); return true;
        case FieldId::kIpTtl: packet_.ttl = byte; return true;
        case FieldId::kIpDscp: packet_.dscp = byte; return true;
        case FieldId::kIpEcn: packet_.ecn = byte; return true;
        case FieldId::kIpLen: set_ip_bytes(value); return true;
        case FieldId::kIpFragOffset: packet_.fragment_offset = static_cast<std::uint16_t>(value & 0xfff8); return true;
        case FieldId::kIpId:
            packet_.ip_id = static_cast<std::uint32_t>(packet_.source.version == 4 ? value & 0xffff : value);
            if (packet_.source.version == 6) packet_.more_fragments = true;  // only a Fragment header has one
            return true;
        case FieldId::kIp6RoutingType: packet_.routing_type = byte; return true;
        case FieldId::kIp6FlowLabel: packet_.flow_label = static_cast<std::uint32_t>(value); return true;
        default: return false;
    }
}

bool ProbePacket::set_transport_number(FieldId field_id, std::uint64_t value) {
    const auto word = static_cast<std::uint32_t>(value);
    const auto small = static_cast<std::uint16_t>(value);
    switch (field_id) {
        case FieldId::kTcpSport:
        case FieldId::kUdpSport:
        case FieldId::kSctpSport:
        case FieldId::kPortSrc: packet_.source_port = small; return true;
        case FieldId::kTcpDport:
        case FieldId::kUdpDport:
        case FieldId::kSctpDport:
        case FieldId::kPortDst: packet_.destination_port = small; return true;
        case FieldId::kTcpFlags: packet_.tcp_flags = static_cast<std::uint8_t>(value); return true;
        case FieldId::kTcpSeq: packet_.seq = word; return true;
        case FieldId::kTcpAckSeq: packet_.ack_seq = word; return true;
        case FieldId::kTcpWindow: packet_.window = small; return true;
        case FieldId::kTcpMss: packet_.mss = small; return true;
        case FieldId::kTcpHeaderLen:
            if (value > 20)
                packet_.mss = 1460;
            else
                packet_.mss.reset();
            return true;
        case FieldId::kUdpLen:
            packet_.payload.resize(std::min<std::size_t>(value < 8 ? 0 : value - 8, kMaxFrameBytes));
            return true;
        case FieldId::kTlsVersion:
            hello_->version = small;
            need_hello();
            return true;
        case FieldId::kHttpStatus:
            head_.status = small;
            need(field_id);
            return true;
        case FieldId::kPayloadLen: packet_.payload.resize(std::min<std::size_t>(value, kMaxFrameBytes)); return true;
        case FieldId::kIcmpType:
        case FieldId::kIcmp6Type: packet_.icmp_type = static_cast<std::uint8_t>(value); return true;
        case FieldId::kIcmpCode:
        case FieldId::kIcmp6Code: packet_.icmp_code = static_cast<std::uint8_t>(value); return true;
        case FieldId::kIcmpId:
        case FieldId::kIcmp6Id: packet_.icmp_id = small; return true;
        case FieldId::kIcmpSeq:
        case FieldId::kIcmp6Seq: packet_.seq = small; return true;
        default: return false;
    }
}

// The whole datagram; shorter than its headers it cannot be.
void ProbePacket::set_ip_bytes(std::uint64_t bytes) {
    TestPacket bare = packet_;
    bare.payload.clear();
    const std::size_t headers = build_frame(bare).size() - link_bytes(packet_);
    packet_.payload.resize(bytes < headers ? 0 : std::min(bytes - headers, kMaxFrameBytes));
}

void ProbePacket::need_address(FieldId field_id) { need(field_id); }

void ProbePacket::set_address(FieldId field_id, const IpAddress& address) {
    if (layer_of(field_id) == Layer::kInner)
        return within().set_address(static_cast<FieldId>(row_of(field_id)), address);
    need(field_id);
    if (packet_.protocol == TestProtocol::kArp && address.version == 6) return;
    set_version(address.version);
    version_fixed_ = true;
    (field_id == FieldId::kIpDst || field_id == FieldId::kArpTargetIp ? packet_.destination : packet_.source) = address;
}

const IpAddress& ProbePacket::address(FieldId field_id) const {
    if (layer_of(field_id) == Layer::kInner && !within_.empty())
        return within_.front().address(static_cast<FieldId>(row_of(field_id)));
    return field_id == FieldId::kIpDst || field_id == FieldId::kArpTargetIp ? packet_.destination : packet_.source;
}

}  // namespace weir::packet
