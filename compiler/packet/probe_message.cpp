// Names and texts of messages, packets without a field, and packets that answer.
// Tested by tests/unit/analysis/points_test.cpp with `probe.apply`.
#include <utility>

#include "bpf/abi.h"
#include "compiler/packet/probe_packet.h"

namespace weir::packet {

void ProbePacket::need_dns() {
    constexpr std::uint16_t kPort = 53;
    set_protocol(TestProtocol::kUdp);
    if (packet_.source_port != kPort) packet_.destination_port = kPort;
    if (!dns_) dns_ = TestDns{.is_response = random_.one_in(2), .name = "example.com"};
    packet_.payload = dns_message(*dns_);
}

bool ProbePacket::set_dns_number(FieldId field_id, std::uint64_t value) {
    const bool is_dns = field_id == FieldId::kDnsQtype || field_id == FieldId::kDnsRcode ||
                        field_id == FieldId::kDnsAnswers || field_id == FieldId::kDnsIsResponse;
    if (!is_dns) return false;
    need_dns();
    constexpr std::uint64_t kMostAnswers = 80;  // more do not fit in a test run's frame
    if (field_id == FieldId::kDnsQtype) dns_->type = static_cast<std::uint16_t>(value);
    if (field_id == FieldId::kDnsRcode) dns_->rcode = static_cast<std::uint8_t>(value & 15);
    if (field_id == FieldId::kDnsIsResponse) dns_->is_response = value != 0;
    if (field_id == FieldId::kDnsAnswers) dns_->answers = static_cast<std::uint16_t>(std::min(value, kMostAnswers));
    need_dns();
    if (field_id == FieldId::kDnsAnswers) {  // what the header says, which is what the field is
        packet_.payload[6] = static_cast<char>(value >> 8);
        packet_.payload[7] = static_cast<char>(value);
    }
    return true;
}

void ProbePacket::set_text(FieldId field_id, std::string_view text) {
    if (field_id == FieldId::kTlsSni || field_id == FieldId::kTlsAlpn) {
        need_hello();
        if (field_id == FieldId::kTlsSni)
            hello_->name = text;
        else
            hello_->alpn = text.substr(0, 255);
        return need_hello();
    }
    if (field_id == FieldId::kDnsQname) {
        need_dns();
        dns_->name = text;
        return need_dns();
    }
    head_.set_text(field_id, text);
    need(field_id);
}

void ProbePacket::put_payload(std::size_t offset, std::string_view bytes, PayloadEnd end) {
    need(FieldId::kPayload);
    std::string& payload = packet_.payload;
    if (payload.size() < offset + bytes.size()) payload.resize(offset + bytes.size(), '.');
    payload.replace(offset, bytes.size(), bytes);
    if (end == PayloadEnd::kThere) payload.resize(offset + bytes.size());
}

void ProbePacket::lack_layer(std::uint8_t present_bit) {
    const bool is_ip4 = packet_.source.version == 4;
    switch (present_bit) {
        case WEIR_HAS_ARP:
        case WEIR_HAS_ARP_IP:
        case WEIR_HAS_ICMP:
        case WEIR_HAS_ICMP6:
        case WEIR_HAS_UDP:
        case WEIR_HAS_SCTP: return set_protocol(TestProtocol::kTcp);
        case WEIR_HAS_TCP: return set_protocol(TestProtocol::kUdp);
        case WEIR_HAS_PORTS: return set_protocol(is_ip4 ? TestProtocol::kIcmp : TestProtocol::kIcmp6);
        case WEIR_HAS_IP4: return set_version(6);
        case WEIR_HAS_IP6: return set_version(4);
        case WEIR_HAS_IP_ID:
            set_version(6);
            packet_.more_fragments = false;
            packet_.fragment_offset = 0;
            return;
        case WEIR_HAS_IP:
        case WEIR_HAS_IP_PROTO:
        case WEIR_HAS_PAYLOAD: return set_protocol(TestProtocol::kArp);
        default: packet_.payload.clear();  // a message
    }
}

void ProbePacket::lack(FieldId field_id) {
    if (layer_of(field_id) == Layer::kInner) {
        if (within_.empty() || random_.one_in(2)) return within_.clear();
        return within().lack(static_cast<FieldId>(row_of(field_id)));
    }
    switch (const std::uint8_t present_bit = field(field_id).present_bit) {
        case WEIR_HAS_VLAN: return packet_.vlans.clear();
        case WEIR_HAS_VLAN_INNER: return packet_.vlans.resize(std::min<std::size_t>(packet_.vlans.size(), 1));
        case WEIR_HAS_PPPOE: return packet_.pppoe.reset();
        case WEIR_HAS_MPLS: return packet_.mpls.clear();
        case WEIR_HAS_TCP_MSS: return packet_.mss.reset();
        case WEIR_IS_IP6_ROUTING: return packet_.routing_type.reset();
        case WEIR_HAS_GRE_KEY: return tunnel_.gre_key.reset();
        case WEIR_HAS_VXLAN:
        case WEIR_HAS_GENEVE:
        case WEIR_HAS_GRE:
        case WEIR_HAS_IPIP:
        case WEIR_HAS_INNER: return within_.clear();
        case WEIR_HAS_SNI:
            need_hello();
            hello_->name.clear();
            return need_hello();
        case WEIR_HAS_ALPN:
            need_hello();
            hello_->alpn.reset();
            return need_hello();
        case WEIR_HAS_HTTP_HOST:
        case WEIR_HAS_USER_AGENT:
            need(FieldId::kHttpMethod);
            (present_bit == WEIR_HAS_HTTP_HOST ? head_.host : head_.user_agent).reset();
            packet_.payload = head_.payload();
            return;
        case WEIR_HAS_ICMP_ECHO:
        case WEIR_HAS_ICMP6_ECHO:
            set_protocol(present_bit == WEIR_HAS_ICMP_ECHO ? TestProtocol::kIcmp : TestProtocol::kIcmp6);
            packet_.icmp_type = 11;
            return;
        default: return lack_layer(present_bit);
    }
}

void ProbePacket::randomise_rest() {
    const auto byte = [&](std::uint64_t limit) { return static_cast<std::uint8_t>(random_.below(limit)); };
    packet_.dscp = byte(64);
    packet_.ecn = byte(4);
    packet_.dont_fragment = random_.one_in(2);
    packet_.flow_label = random_.below32(1u << 20);
    packet_.seq = random_.word();
    packet_.ack_seq = random_.word();
    packet_.window = static_cast<std::uint16_t>(random_.next());
    packet_.icmp_type = random_.one_in(2) ? std::optional<std::uint8_t>() : byte(256);
    packet_.icmp_code = random_.one_in(2) ? std::uint8_t{0} : byte(256);
    packet_.icmp_id = static_cast<std::uint16_t>(random_.next());
    packet_.arp_op = static_cast<std::uint16_t>(random_.one_in(2) ? random_.between(1, 2) : random_.below(1u << 16));
    if (random_.one_in(4)) packet_.mss = static_cast<std::uint16_t>(random_.next());
    if (random_.one_in(8)) need_vlan(random_.between(1, 2));
    if (random_.one_in(32)) need_link(random_.one_in(2) ? WEIR_HAS_PPPOE : WEIR_HAS_MPLS);
    packet_.pcp = byte(8);
    for (std::uint8_t& one : packet_.eth_source.bytes) one = static_cast<std::uint8_t>(random_.next());
    for (std::uint8_t& one : packet_.eth_destination.bytes) one = static_cast<std::uint8_t>(random_.next());
    packet_.eth_source.bytes[0] &= 0xfe;
    if (random_.one_in(16)) set_version(6);
    packet_.source_route = random_.one_in(3);
    packet_.hop_by_hop = random_.one_in(4);
    packet_.destination_options = random_.one_in(3);
    if (random_.one_in(32)) set_protocol(packet_.source.version == 4 ? TestProtocol::kIcmp : TestProtocol::kIcmp6);
}

void ProbePacket::turn() {
    std::swap(packet_.source, packet_.destination);
    std::swap(packet_.source_port, packet_.destination_port);
    std::swap(packet_.eth_source, packet_.eth_destination);
    packet_.eth_destination.bytes[0] &= 0xfe;  // no group sends
    packet_.eth_source.bytes[0] &= 0xfe;
}

void ProbePacket::set_handshake(std::uint8_t tcp_flags, std::uint32_t seq, std::uint32_t ack_seq) {
    packet_.tcp_flags = tcp_flags;
    packet_.seq = seq;
    packet_.ack_seq = ack_seq;
    packet_.payload.clear();
}

}  // namespace weir::packet
