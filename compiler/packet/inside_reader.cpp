// What is behind the headers: messages, tunnels, and the packet that an ICMP error is about.
// Tested by tests/unit/packet/inside_reader_test.cpp with `inner fields of each tunnel`.
#include "compiler/packet/dns_reader.h"
#include "compiler/packet/http_reader.h"
#include "compiler/packet/packet_reader.h"
#include "compiler/packet/tls_reader.h"
#include "compiler/packet/tunnel_reader.h"

namespace weir::packet {

void PacketReader::dns(std::span<const std::uint8_t> payload) {
    const auto message = read_dns(payload);
    if (!message) return;
    set(FieldId::kDns, true);
    set(FieldId::kDnsQname, message->qname);
    set_number(FieldId::kDnsQtype, message->qtype);
    set(FieldId::kDnsIsResponse, message->is_response);
    set_number(FieldId::kDnsRcode, message->rcode);
    set_number(FieldId::kDnsAnswers, message->answers);
}

void PacketReader::tls(std::span<const std::uint8_t> payload) {
    const auto record = read_tls(payload);
    if (!record) return;
    set(FieldId::kTls, true);
    set(FieldId::kTlsIsClientHello, record->is_client_hello);
    set(FieldId::kTlsIsCut, record->is_cut);
    set_number_if(FieldId::kTlsVersion, record->version);
    set_if(FieldId::kTlsSni, record->sni);
    set_if(FieldId::kTlsAlpn, record->alpn);
}

void PacketReader::http(std::span<const std::uint8_t> payload) {
    const auto head = read_http(payload);
    if (!head) return;
    set(FieldId::kHttp, true);
    set_if(FieldId::kHttpMethod, head->method);
    set_if(FieldId::kHttpTarget, head->target);
    set_if(FieldId::kHttpPath, head->path);
    set_if(FieldId::kHttpHost, head->host);
    set_if(FieldId::kHttpUserAgent, head->user_agent);
    set_number_if(FieldId::kHttpStatus, head->status);
    set(FieldId::kHttpIsCut, head->is_cut);
}

// What the payload says.
void PacketReader::messages(std::uint64_t protocol) {
    const auto payload = frame_.subspan(at_, end_ - at_);
    const auto is_port = [&](std::uint64_t port) {
        return packet_.value(FieldId::kPortSrc) == FieldValue{port} ||
               packet_.value(FieldId::kPortDst) == FieldValue{port};
    };
    if (protocol == 17 && is_port(53)) dns(payload);
    if (protocol != 6) return;
    tls(payload);
    http(payload);
}

void PacketReader::tunnels(std::uint64_t protocol) {
    const auto& port = packet_.value(FieldId::kUdpDport);
    const TunnelHeaders tunnel =
        read_tunnel(protocol, port ? std::get<std::uint64_t>(*port) : 0, frame_.subspan(at_, end_ - at_));
    if (tunnel.vxlan_vni) set(FieldId::kVxlan, true);
    set_number_if(FieldId::kVxlanVni, tunnel.vxlan_vni);
    if (tunnel.geneve_vni) set(FieldId::kGeneve, true);
    set_number_if(FieldId::kGeneveVni, tunnel.geneve_vni);
    if (tunnel.is_gre) set(FieldId::kGre, true);
    set_number_if(FieldId::kGreKey, tunnel.gre_key);
    if (tunnel.is_ipip) set(FieldId::kIpip, true);
    if (tunnel.inner) PacketReader(*this, at_ + tunnel.inner->at, end_).read_inner(tunnel.inner->type);
}

// The packet that an ICMP error is about, as far as the error has it.
void PacketReader::icmp_error(int version) {
    constexpr std::uint64_t kErrors4[] = {3, 4, 5, 11, 12};
    const std::uint64_t type =
        std::get<std::uint64_t>(*packet_.value(version == 4 ? FieldId::kIcmpType : FieldId::kIcmp6Type));
    const bool is_error = version == 4 ? std::find(std::begin(kErrors4), std::end(kErrors4), type) != std::end(kErrors4)
                                       : type >= 1 && type <= 127;
    constexpr std::size_t kNoEnd = std::size_t{1} << 32;  // no header says yet how long the packet is
    if (is_error) PacketReader(*this, at_, kNoEnd).read_inner(version == 4 ? kIp4Type : kIp6Type);
    set(version == 4 ? FieldId::kIcmpHasInner : FieldId::kIcmp6HasInner, packet_.value(FieldId::kInner).has_value());
}

// `type`: what begins at `at_`, an IP packet or an Ethernet frame.
void PacketReader::read_inner(std::uint64_t type) {
    bool is_readable = true;
    if (type == kEthernetType) {
        is_readable = reaches(14);
        if (is_readable) {
            type = number(at_ + 12, 2);
            at_ += 14;
            is_readable = vlan_tags(type);
        }
        if (!is_readable) fault();
    }
    if (is_readable && type == kIp4Type) ip4();
    if (is_readable && type == kIp6Type) ip6();
    set(FieldId::kMalformed, malformed_);
    if (packet_.value(field_id(Layer::kInner, row_of(FieldId::kIp))))
        packet_.values_[Packet::place(FieldId::kInner)] = true;
}

}  // namespace weir::packet
