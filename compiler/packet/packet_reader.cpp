// How a frame is read, word for word as docs/language.md says it. The compiled path has its own reader, in C
// (bpf/templates/read/); the two share the field table only, and the tests hold them against each other.
// Tested by tests/verdict/malformed_test.cpp with `malformed`.
#include "compiler/packet/packet_reader.h"

#include <algorithm>

namespace weir::packet {

Packet::Packet(std::span<const std::uint8_t> frame) { PacketReader(*this, frame).read(); }

const std::optional<FieldValue>& Packet::value(FieldId field) const { return values_[place(field)]; }

void Packet::set_interface(std::string name) {
    values_[place(FieldId::kIface)].emplace(std::in_place_type<std::string>, std::move(name));
}

void Packet::set_outgoing() { values_[place(FieldId::kRxQueue)].reset(); }

void Packet::set_later_segment(std::optional<DomainName> name) {
    for (const FieldId field : {FieldId::kTls, FieldId::kTlsIsClientHello, FieldId::kTlsIsCut, FieldId::kTlsVersion,
                                FieldId::kTlsSni, FieldId::kTlsAlpn})
        values_[place(field)].reset();
    if (!name) return;
    for (const FieldId field : {FieldId::kHttp, FieldId::kHttpMethod, FieldId::kHttpTarget, FieldId::kHttpPath,
                                FieldId::kHttpHost, FieldId::kHttpUserAgent, FieldId::kHttpStatus, FieldId::kHttpIsCut})
        values_[place(field)].reset();
    for (const FieldId field : {FieldId::kTls, FieldId::kTlsIsClientHello, FieldId::kTlsIsCut})
        values_[place(field)] = true;
    values_[place(FieldId::kTlsSni)] = std::move(*name);
}

void Packet::set_flow(const FlowFacts& flow) {
    values_[place(FieldId::kFlowIsNew)] = flow.is_new;
    values_[place(FieldId::kFlowEstablished)] = flow.is_established;
    values_[place(FieldId::kFlowOpened)] = flow.is_opened;
    values_[place(FieldId::kFlowIsFromClient)] = flow.is_from_client;
    values_[place(FieldId::kFlowPackets)] = flow.packets;
    values_[place(FieldId::kFlowBytes)] = flow.bytes;
    values_[place(FieldId::kFlowAge)] = flow.age_ns;
    if (flow.round_trip_ns) values_[place(FieldId::kFlowRtt)] = *flow.round_trip_ns;
    if (flow.latency_ns) values_[place(FieldId::kHttpLatency)] = *flow.latency_ns;
    if (flow.is_retransmit) values_[place(FieldId::kTcpIsRetransmit)] = *flow.is_retransmit;
}

void PacketReader::read() {
    set_number(FieldId::kPacketLen, frame_.size());
    set_number(FieldId::kRxQueue, 0);
    ethernet();
    packet_.malformed_ = malformed_;
    set(FieldId::kMalformed, malformed_);
}

void PacketReader::ethernet() {
    if (!reaches(14)) return fault();
    set_number(FieldId::kEthDst, number(0, 6));
    set_number(FieldId::kEthSrc, number(6, 6));
    set(FieldId::kEthIsMulticast, (frame_[0] & 1) != 0);
    std::uint64_t type = number(12, 2);
    at_ = 14;
    const bool tags_read = vlan_tags(type);
    if (!tags_read) return fault();
    set_number(FieldId::kEthType, type);
    if (type == 0x0806) return arp();
    std::optional<int> version = type == 0x0800 ? 4 : type == 0x86dd ? 6 : 0;
    if (type == 0x8864) version = pppoe();
    if (type == 0x8847 || type == 0x8848) version = mpls();
    if (!version) return fault();
    if (version == 4) ip4();
    if (version == 6) ip6();
}

// Up to two tags. False where one is cut short, or a third follows: the tags read stay.
bool PacketReader::vlan_tags(std::uint64_t& type) {
    std::uint64_t depth = 0;
    bool good = true;
    while (type == 0x8100 || type == 0x88a8 || type == 0x9100) {
        good = depth < 2 && reaches(4);
        if (!good) break;
        if (depth == 0) {
            set(FieldId::kVlan, true);
            set_number(FieldId::kVlanPcp, number(at_, 2) >> 13);
            set_number(FieldId::kVlanId, number(at_, 2) & 0xfff);
        } else {
            set_number(FieldId::kVlanInnerId, number(at_, 2) & 0xfff);
        }
        ++depth;
        type = number(at_ + 2, 2);
        at_ += 4;
    }
    set_number(FieldId::kVlanDepth, depth);
    return good;
}

// A PPPoE session (RFC 2516) and the PPP number of what it carries. Answers the IP version, 0 where that is no IP,
// nothing where the header is at fault.
std::optional<int> PacketReader::pppoe() {
    if (!reaches(6)) return std::nullopt;
    const std::uint64_t version_and_type = frame_[at_], code = frame_[at_ + 1];
    const std::uint64_t length = number(at_ + 4, 2);
    if (version_and_type != 0x11 || code != 0 || length > end_ - at_ - 6) return std::nullopt;
    // A number's last byte is odd, its first one even; a first byte that is odd is the whole number, compressed.
    const std::uint64_t number_bytes = length > 0 && frame_[at_ + 6] % 2 == 1 ? 1 : 2;
    if (length < number_bytes) return std::nullopt;
    const std::uint64_t carried = number(at_ + 6, number_bytes);
    set(FieldId::kPppoe, true);
    set_number(FieldId::kPppoeSession, number(at_ + 2, 2));
    end_ = said_end_ = at_ + 6 + length;
    at_ += 6 + number_bytes;
    return carried == 0x21 ? 4 : carried == 0x57 ? 6 : 0;
}

// Up to four MPLS labels (RFC 3032), the last one with the bottom-of-stack bit. Answers as pppoe() does; the labels
// that were read stay.
std::optional<int> PacketReader::mpls() {
    for (int depth = 1; depth <= 4 && reaches(4); ++depth) {
        const std::uint64_t entry = number(at_, 4);
        set(FieldId::kMpls, true);
        if (depth == 1) set_number(FieldId::kMplsLabel, entry >> 12);
        set_number(FieldId::kMplsDepth, static_cast<std::uint64_t>(depth));
        at_ += 4;
        const bool is_bottom = (entry >> 8 & 1) != 0;
        if (!is_bottom) continue;
        const int nibble = reaches(1) ? frame_[at_] >> 4 : 0;
        return nibble == 4 || nibble == 6 ? nibble : 0;
    }
    return std::nullopt;
}

void PacketReader::arp() {
    if (!reaches(8)) return fault();
    const bool of_ip4 =
        number(at_, 2) == 1 && number(at_ + 2, 2) == 0x0800 && frame_[at_ + 4] == 6 && frame_[at_ + 5] == 4;
    if (of_ip4 && !reaches(28)) return fault();
    set(FieldId::kArp, true);
    set_number(FieldId::kArpOp, number(at_ + 6, 2));
    if (!of_ip4) return;
    set(FieldId::kArpSenderIp, address(at_ + 14, 4));
    set(FieldId::kArpTargetIp, address(at_ + 24, 4));
}

void PacketReader::ip4() {
    if (!reaches(20)) return fault();
    const std::size_t header_bytes = (frame_[at_] & 15) * 4u;
    const std::uint64_t total = number(at_ + 2, 2);
    if (frame_[at_] >> 4 != 4 || header_bytes < 20 || total < header_bytes || total > said_end_ - at_) return fault();
    const std::uint64_t fragment = number(at_ + 6, 2);
    const std::uint64_t offset = (fragment & 0x1fff) * 8;
    const bool more = (fragment & 0x2000) != 0;
    set(FieldId::kIp, true);
    set(FieldId::kIp4, true);
    set_number(FieldId::kIpVersion, 4);
    set_number(FieldId::kIpDscp, frame_[at_ + 1] >> 2);
    set_number(FieldId::kIpEcn, frame_[at_ + 1] & 3);
    set_number(FieldId::kIpLen, total);
    set_number(FieldId::kIpId, number(at_ + 4, 2));
    set(FieldId::kIpDf, (fragment & 0x4000) != 0);
    set(FieldId::kIpMf, more);
    set_number(FieldId::kIpFragOffset, offset);
    set(FieldId::kIpIsFragment, more || offset != 0);
    set(FieldId::kIpHasOptions, header_bytes > 20);
    set_number(FieldId::kIpTtl, frame_[at_ + 8]);
    const std::uint64_t protocol = frame_[at_ + 9];
    set_number(FieldId::kIpProto, protocol);
    set(FieldId::kIpSrc, address(at_ + 12, 4));
    set(FieldId::kIpDst, address(at_ + 16, 4));
    set(FieldId::kIp4SourceRoute, source_route(at_ + 20, std::min(at_ + header_bytes, end_)));
    said_end_ = at_ + total;
    end_ = std::min(end_, said_end_);
    at_ += header_bytes;
    first_fragment_ = more;
    if (offset == 0) transport(protocol, 4);
}

// A loose or strict source route (RFC 791) that a well-formed walk of the options reaches.
bool PacketReader::source_route(std::size_t begin, std::size_t end) const {
    while (begin < end && frame_[begin] != 0) {
        if (frame_[begin] == 1) {
            ++begin;
            continue;
        }
        if (begin + 1 >= end) return false;
        const std::size_t bytes = frame_[begin + 1];
        if (bytes < 2 || begin + bytes > end) return false;
        if (frame_[begin] == 131 || frame_[begin] == 137) return true;
        begin += bytes;
    }
    return false;
}

void PacketReader::ip6() {
    if (!reaches(40)) return fault();
    const std::uint64_t total = 40 + number(at_ + 4, 2);
    if (frame_[at_] >> 4 != 6 || total > said_end_ - at_) return fault();
    set(FieldId::kIp, true);
    set(FieldId::kIp6, true);
    set_number(FieldId::kIpVersion, 6);
    const std::uint64_t first = number(at_, 4);
    set_number(FieldId::kIpDscp, first >> 22 & 0x3f);
    set_number(FieldId::kIpEcn, first >> 20 & 3);
    set_number(FieldId::kIp6FlowLabel, first & 0xfffff);
    set_number(FieldId::kIpLen, total);
    set_number(FieldId::kIpTtl, frame_[at_ + 7]);
    set(FieldId::kIpSrc, address(at_ + 8, 6));
    set(FieldId::kIpDst, address(at_ + 24, 6));
    set(FieldId::kIpIsFragment, false);
    set(FieldId::kIpMf, false);
    set_number(FieldId::kIpFragOffset, 0);
    std::uint64_t protocol = frame_[at_ + 6];
    said_end_ = at_ + total;
    end_ = std::min(end_, said_end_);
    at_ += 40;
    bool later_fragment = false;
    const bool good = extensions(protocol, later_fragment);
    if (!good) return fault();
    set_number(FieldId::kIpProto, protocol);
    if (!later_fragment) transport(protocol, 6);
}

// Walks up to eight extension headers; `protocol` becomes that of what follows. False where one is at fault.
bool PacketReader::extensions(std::uint64_t& protocol, bool& later_fragment) {
    const auto is_extension = [](std::uint64_t number) {
        constexpr std::uint64_t kWalked[] = {0, 43, 44, 51, 60, 135, 139, 140};
        return std::find(std::begin(kWalked), std::end(kWalked), number) != std::end(kWalked);
    };
    set(FieldId::kIpHasOptions, is_extension(protocol));
    for (const FieldId met :
         {FieldId::kIp6HopByHop, FieldId::kIp6Routing, FieldId::kIp6Fragment, FieldId::kIp6Destination})
        set(met, false);
    for (int headers = 0; is_extension(protocol); ++headers) {
        if (headers == 8 || !reaches(8)) return false;
        std::size_t bytes = 8;
        if (protocol == 44) {
            const std::uint64_t fragment = number(at_ + 2, 2);
            const std::uint64_t offset = fragment & 0xfff8;
            const bool more = (fragment & 1) != 0;
            set_number(FieldId::kIpFragOffset, offset);
            set(FieldId::kIpMf, more);
            set(FieldId::kIpIsFragment, more || offset != 0);
            set_number(FieldId::kIpId, number(at_ + 4, 4));
            later_fragment = offset != 0;
            first_fragment_ = more;
        } else if (protocol == 51) {
            bytes = (frame_[at_ + 1] + 2u) * 4;
        } else {
            bytes = (frame_[at_ + 1] + 1u) * 8;
        }
        if (!reaches(bytes)) return false;
        extension_met(protocol);
        protocol = frame_[at_];
        at_ += bytes;
        if (later_fragment) return true;
    }
    return true;
}

// The header at `at_` is whole.
void PacketReader::extension_met(std::uint64_t protocol) {
    const bool is_first_routing = protocol == 43 && !packet_.value(field_id(layer_, row_of(FieldId::kIp6RoutingType)));
    if (is_first_routing) set_number(FieldId::kIp6RoutingType, frame_[at_ + 2]);
    if (protocol == 0) set(FieldId::kIp6HopByHop, true);
    if (protocol == 43) set(FieldId::kIp6Routing, true);
    if (protocol == 44) set(FieldId::kIp6Fragment, true);
    if (protocol == 60) set(FieldId::kIp6Destination, true);
}

void PacketReader::transport(std::uint64_t protocol, int version) {
    bool good = true;
    if (protocol == 6)
        good = tcp();
    else if (protocol == 17)
        good = udp();
    else if (protocol == 132)
        good = sctp();
    else if ((protocol == 1 && version == 4) || (protocol == 58 && version == 6))
        good = icmp(version);
    if (!good) return fault();
    if (layer_ == Layer::kInner) return;
    const auto begin = frame_.begin() + static_cast<std::ptrdiff_t>(at_);
    set(FieldId::kPayload, std::string(begin, frame_.begin() + static_cast<std::ptrdiff_t>(end_)));
    set_number(FieldId::kPayloadLen, end_ - at_);
    messages(protocol);
    tunnels(protocol);
    if ((protocol == 1 && version == 4) || (protocol == 58 && version == 6)) icmp_error(version);
}

// The first eight bytes: all that an old router's ICMP error has of it.
void PacketReader::tcp_ports() {
    set(FieldId::kTcp, true);
    set_number(FieldId::kTcpSport, number(at_, 2));
    set_number(FieldId::kTcpDport, number(at_ + 2, 2));
    set_number(FieldId::kPortSrc, number(at_, 2));
    set_number(FieldId::kPortDst, number(at_ + 2, 2));
    set_number(FieldId::kTcpSeq, number(at_ + 4, 4));
}

bool PacketReader::tcp() {
    if (!reaches(20)) {
        if (is_cut_ && at_ + 8 <= end_) tcp_ports();
        return false;
    }
    const std::size_t header_bytes = (frame_[at_ + 12] >> 4) * 4u;
    if (header_bytes < 20 || at_ + header_bytes > said_end_) return false;
    tcp_ports();
    const std::uint64_t flags = frame_[at_ + 13];
    set_number(FieldId::kTcpAckSeq, number(at_ + 8, 4));
    set_number(FieldId::kTcpHeaderLen, header_bytes);
    set_number(FieldId::kTcpFlags, flags);
    constexpr FieldId kBits[] = {FieldId::kTcpFin, FieldId::kTcpSyn, FieldId::kTcpRst, FieldId::kTcpPsh,
                                 FieldId::kTcpAck, FieldId::kTcpUrg, FieldId::kTcpEce, FieldId::kTcpCwr};
    for (std::size_t bit = 0; bit < std::size(kBits); ++bit) set(kBits[bit], (flags >> bit & 1) != 0);
    set_number(FieldId::kTcpWindow, number(at_ + 14, 2));
    tcp_options(at_ + 20, std::min(at_ + header_bytes, end_));
    at_ += header_bytes;
    return true;
}

// The first option of kind 2 and length 4 that a well-formed walk reaches.
void PacketReader::tcp_options(std::size_t begin, std::size_t end) {
    while (begin < end && frame_[begin] != 0) {
        if (frame_[begin] == 1) {
            ++begin;
            continue;
        }
        if (begin + 1 >= end) return;
        const std::size_t bytes = frame_[begin + 1];
        if (bytes < 2 || begin + bytes > end) return;
        if (frame_[begin] == 2 && bytes == 4) return set_number(FieldId::kTcpMss, number(begin + 2, 2));
        begin += bytes;
    }
}

bool PacketReader::udp() {
    if (!reaches(8)) return false;
    const std::uint64_t length = number(at_ + 4, 2);
    const bool beyond = length > said_end_ - at_;
    if (length < 8 || (beyond && !first_fragment_)) return false;
    set(FieldId::kUdp, true);
    set_number(FieldId::kUdpSport, number(at_, 2));
    set_number(FieldId::kUdpDport, number(at_ + 2, 2));
    set_number(FieldId::kPortSrc, number(at_, 2));
    set_number(FieldId::kPortDst, number(at_ + 2, 2));
    set_number(FieldId::kUdpLen, length);
    if (!beyond) end_ = std::min(end_, at_ + length);
    at_ += 8;
    return true;
}

bool PacketReader::sctp() {
    const bool is_whole = reaches(12);
    if (!is_whole && (!is_cut_ || at_ + 8 > end_)) return false;
    set(FieldId::kSctp, true);
    set_number(FieldId::kSctpSport, number(at_, 2));
    set_number(FieldId::kSctpDport, number(at_ + 2, 2));
    set_number(FieldId::kPortSrc, number(at_, 2));
    set_number(FieldId::kPortDst, number(at_ + 2, 2));
    at_ += 12;
    return true;
}

bool PacketReader::icmp(int version) {
    if (!reaches(8)) return false;
    const bool v4 = version == 4;
    const std::uint64_t type = frame_[at_];
    set(v4 ? FieldId::kIcmp : FieldId::kIcmp6, true);
    set_number(v4 ? FieldId::kIcmpType : FieldId::kIcmp6Type, type);
    set_number(v4 ? FieldId::kIcmpCode : FieldId::kIcmp6Code, frame_[at_ + 1]);
    const bool echo = v4 ? type == 0 || type == 8 : type == 128 || type == 129;
    if (echo) {
        set_number(v4 ? FieldId::kIcmpId : FieldId::kIcmp6Id, number(at_ + 4, 2));
        set_number(v4 ? FieldId::kIcmpSeq : FieldId::kIcmp6Seq, number(at_ + 6, 2));
    }
    at_ += 8;
    return true;
}

}  // namespace weir::packet
