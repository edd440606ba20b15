// Tested by tests/unit/sema/packet_text_test.cpp with `packets as text`.
#include "compiler/packet/packet_text.h"

#include <algorithm>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "compiler/packet/dissect.h"
#include "compiler/packet/frame_builder.h"
#include "compiler/packet/message_text.h"
#include "compiler/packet/value_names.h"

namespace weir::packet {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr int kMaxTunnels = 4;             // one in another; more are `hex`
constexpr std::size_t kMaxPayload = 9000;  // of a test packet: check_tests.cpp
constexpr std::uint16_t kVxlanPort = 4789, kGenevePort = 6081;

bool has_ports(TestProtocol protocol) {
    return protocol == TestProtocol::kTcp || protocol == TestProtocol::kUdp || protocol == TestProtocol::kSctp;
}

std::string endpoint(const IpAddress& address, std::optional<std::uint16_t> port) {
    if (!port) return to_string(address);
    return address.version == 4 ? fmt::format("{}:{}", to_string(address), *port)
                                : fmt::format("[{}]:{}", to_string(address), *port);
}

std::string name_or_number(FieldId field, std::uint64_t value) {
    for (const ValueName& known : value_names(field))
        if (known.value == value) return std::string(known.name);
    return std::to_string(value);
}

// Options in the order of docs/language.md; what is as in a packet of which nothing is said is left out.
class Options {
public:
    explicit Options(const TestPacket& packet) : packet_(packet) {}
    std::string text() {
        transport();
        network();
        link();
        return std::move(out_);
    }

private:
    template <typename T>
    void number(std::string_view said, const T& value, const T& usual) {
        if (value != usual) out_ += fmt::format(" {} {}", said, value);
    }
    void word(std::string_view said, bool is_said) {
        if (is_said) out_.append(" ").append(said);
    }
    void transport();
    void network();
    void link();

    const TestPacket& packet_;
    const TestPacket usual_{};
    std::string out_;
};

void Options::transport() {
    constexpr std::string_view kFlags[] = {"fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"};
    switch (packet_.protocol) {
        case TestProtocol::kTcp:
            for (unsigned bit = 0; bit < 8; ++bit) word(kFlags[bit], (packet_.tcp_flags >> bit & 1) != 0);
            number("seq", packet_.seq, usual_.seq);
            number("ack_seq", packet_.ack_seq, usual_.ack_seq);
            number("window", packet_.window, usual_.window);
            if (packet_.mss) out_ += fmt::format(" mss {}", *packet_.mss);
            break;
        case TestProtocol::kIcmp:
        case TestProtocol::kIcmp6: {
            const bool is_icmp = packet_.protocol == TestProtocol::kIcmp;
            if (*packet_.icmp_type != (is_icmp ? 8 : 128))
                out_ +=
                    " type " + name_or_number(is_icmp ? FieldId::kIcmpType : FieldId::kIcmp6Type, *packet_.icmp_type);
            number("code", packet_.icmp_code, usual_.icmp_code);
            number("id", packet_.icmp_id, usual_.icmp_id);
            number("seq", packet_.seq, usual_.seq);
            break;
        }
        case TestProtocol::kArp:
            if (packet_.arp_op != usual_.arp_op) out_ += " op " + name_or_number(FieldId::kArpOp, packet_.arp_op);
            break;
        default: break;
    }
}

void Options::network() {
    number("ttl", packet_.ttl, usual_.ttl);
    number("dscp", packet_.dscp, usual_.dscp);
    number("ecn", packet_.ecn, usual_.ecn);
    number("ip_id", packet_.ip_id, usual_.ip_id);
    word("df", packet_.dont_fragment);
    word("mf", packet_.more_fragments);
    number("frag_offset", packet_.fragment_offset, usual_.fragment_offset);
    number("flow_label", packet_.flow_label, usual_.flow_label);
    word("source_route", packet_.source_route);
    word("hop_by_hop", packet_.hop_by_hop);
    word("destination", packet_.destination_options);
    if (packet_.routing_type) out_ += fmt::format(" routing {}", *packet_.routing_type);
}

void Options::link() {
    for (const std::uint16_t vlan : packet_.vlans) out_ += fmt::format(" vlan {}", vlan);
    number("pcp", packet_.pcp, usual_.pcp);
    if (packet_.pppoe) out_ += fmt::format(" pppoe {}", *packet_.pppoe);
    for (const std::uint32_t label : packet_.mpls) out_ += fmt::format(" mpls {}", label);
    if (packet_.eth_source != usual_.eth_source) out_ += " eth_src " + to_string(packet_.eth_source);
    if (packet_.eth_destination != usual_.eth_destination) out_ += " eth_dst " + to_string(packet_.eth_destination);
}

std::string_view protocol_word(TestProtocol protocol) {
    switch (protocol) {
        case TestProtocol::kTcp: return "tcp";
        case TestProtocol::kUdp: return "udp";
        case TestProtocol::kSctp: return "sctp";
        case TestProtocol::kIcmp: return "icmp";
        case TestProtocol::kIcmp6: return "icmp6";
        case TestProtocol::kArp: return "arp";
        default: return {};  // of tunnels alone
    }
}

bool has_link_option(const TestPacket& packet) {
    const TestPacket usual;
    return !packet.vlans.empty() || packet.pcp != 0 || packet.pppoe || !packet.mpls.empty() ||
           packet.eth_source != usual.eth_source || packet.eth_destination != usual.eth_destination;
}

std::string words(std::span<const std::uint8_t> frame, int tunnels, bool needs_ethernet);

struct Inside {
    TunnelHeader header{};
    Bytes frame{};
};

// The frame in a packet that a tunnel carries, with its header, or nothing.
std::optional<Inside> inside(const TestPacket& outer) {
    const std::string& payload = outer.payload;
    const auto byte = [&](std::size_t at) { return static_cast<std::uint8_t>(payload[at]); };
    Inside found;
    std::size_t at = 8;
    unsigned type = 0x6558;
    if (outer.protocol == TestProtocol::kUdp && payload.size() >= at) {
        const bool is_vxlan = outer.destination_port == kVxlanPort && byte(0) == 8;
        if (!is_vxlan && outer.destination_port != kGenevePort) return std::nullopt;
        found.header.kind = is_vxlan ? TestTunnel::kVxlan : TestTunnel::kGeneve;
        found.header.vni = std::uint32_t{byte(4)} << 16 | std::uint32_t{byte(5)} << 8 | byte(6);
    } else if (outer.protocol == TestProtocol::kGre && payload.size() >= 4) {
        const bool has_key = byte(0) == 0x20 && payload.size() >= 8;
        found.header.kind = TestTunnel::kGre;
        if (has_key)
            found.header.gre_key =
                std::uint32_t{byte(4)} << 24 | std::uint32_t{byte(5)} << 16 | std::uint32_t{byte(6)} << 8 | byte(7);
        type = byte(2) * 256u + byte(3);
        at = has_key ? 8 : 4;
    } else if (outer.protocol == TestProtocol::kIp4InIp || outer.protocol == TestProtocol::kIp6InIp) {
        found.header.kind = TestTunnel::kIpip;
        type = outer.protocol == TestProtocol::kIp4InIp ? 0x0800 : 0x86dd;
        at = 0;
    } else {
        return std::nullopt;
    }
    found.header.carries_ethernet = type == 0x6558;
    if (!found.header.carries_ethernet) {  // the header that a packet has of which nothing is said
        const TestPacket usual;
        found.frame.assign(usual.eth_destination.bytes.begin(), usual.eth_destination.bytes.end());
        found.frame.insert(found.frame.end(), usual.eth_source.bytes.begin(), usual.eth_source.bytes.end());
        found.frame.push_back(static_cast<std::uint8_t>(type >> 8));
        found.frame.push_back(static_cast<std::uint8_t>(type));
    }
    found.frame.insert(found.frame.end(), payload.begin() + static_cast<std::ptrdiff_t>(at), payload.end());
    return found;
}

// `… inside vxlan 42 192.0.2.1 -> 192.0.2.2 ttl 3`, or nothing.
std::string tunnelled(std::span<const std::uint8_t> frame, TestPacket outer, int tunnels) {
    const auto found = inside(outer);
    if (!found || tunnels >= kMaxTunnels) return {};
    const std::optional<Bytes> again = build_tunnel(found->frame, found->header, outer);
    if (!again || !std::equal(again->begin(), again->end(), frame.begin(), frame.end())) return {};
    const TestTunnel kind = found->header.kind;
    const bool is_gre = kind == TestTunnel::kGre;
    std::string out = words(found->frame, tunnels + 1, is_gre && found->header.carries_ethernet);
    // A whole frame in GRE is always carried with its Ethernet header.
    if (out.empty() && is_gre && !found->header.carries_ethernet) return {};
    if (out.empty())
        out = hex_literal({reinterpret_cast<const char*>(found->frame.data()), found->frame.size()}).insert(3, " ");
    const bool has_port = kind == TestTunnel::kVxlan || kind == TestTunnel::kGeneve;
    constexpr std::string_view kWords[] = {"vxlan", "geneve", "gre", "ipip"};
    out += fmt::format(" inside {}", kWords[static_cast<std::size_t>(kind)]);
    if (has_port) out += fmt::format(" {}", found->header.vni);
    if (found->header.gre_key) out += fmt::format(" key {}", *found->header.gre_key);
    const bool says_port = has_port && outer.source_port != TestPacket().source_port;
    out += fmt::format(" {} -> {}", endpoint(outer.source, says_port ? std::optional(outer.source_port) : std::nullopt),
                       to_string(outer.destination));
    outer.payload.clear();
    return out + Options(outer).text();
}

// The words for a frame, or nothing where none are exactly it. `needs_ethernet`: they must mention the Ethernet header,
// so that GRE carries it.
std::string words(std::span<const std::uint8_t> frame, int tunnels, bool needs_ethernet) {
    const std::optional<TestPacket> packet = dissect(frame);
    if (!packet) return {};
    if (std::string text = tunnelled(frame, *packet, tunnels); !text.empty()) {
        if (needs_ethernet && !has_link_option(*packet)) text += " eth_src " + to_string(packet->eth_source);
        return text;
    }
    const std::string_view protocol = protocol_word(packet->protocol);
    const Bytes again = build_frame(*packet);
    if (protocol.empty() || packet->payload.size() > kMaxPayload ||
        !std::equal(again.begin(), again.end(), frame.begin(), frame.end()))
        return {};
    const bool ports = has_ports(packet->protocol);
    std::string out = fmt::format(
        "{} {} -> {}{}", protocol, endpoint(packet->source, ports ? std::optional(packet->source_port) : std::nullopt),
        endpoint(packet->destination, ports ? std::optional(packet->destination_port) : std::nullopt),
        Options(*packet).text());
    if (needs_ethernet && packet->protocol != TestProtocol::kArp && !has_link_option(*packet))
        out += " eth_src " + to_string(packet->eth_source);
    return out + payload_text(packet->protocol, packet->payload);
}

}  // namespace

std::string packet_text(std::span<const std::uint8_t> frame, Direction direction, std::string_view interface) {
    std::string out = words(frame, 0, false);
    if (out.empty()) out = hex_literal({reinterpret_cast<const char*>(frame.data()), frame.size()}).insert(3, " ");
    if (direction == Direction::kOut) out.insert(0, "out ");
    if (!interface.empty() && interface.size() <= 15) out += " on " + quoted(interface);
    return out;
}

}  // namespace weir::packet
