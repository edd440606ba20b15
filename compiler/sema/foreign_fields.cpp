// Tested by tests/golden/golden_test.cpp with `cases`.
#include "compiler/sema/foreign_fields.h"

#include <string>

#include "compiler/packet/fields.h"

namespace weir::sema {
namespace {

struct Row {
    std::string_view theirs;
    FieldSuggestion ours;
};
constexpr Row kRows[] = {{"tcp.port", {"tcp.sport", "tcp.dport"}},
                         {"udp.port", {"udp.sport", "udp.dport"}},
                         {"sctp.port", {"sctp.sport", "sctp.dport"}},
                         {"port", {"port.src", "port.dst"}},
                         {"host", {"ip.src", "ip.dst"}},
                         {"net", {"ip.src", "ip.dst"}},
                         {"addr", {"ip.src", "ip.dst"}},
                         {"ip.addr", {"ip.src", "ip.dst"}},
                         {"eth.addr", {"eth.src", "eth.dst"}},
                         {"mac", {"eth.src", "eth.dst"}},
                         {"sport", {"port.src", {}}},
                         {"dport", {"port.dst", {}}},
                         {"tcp.srcport", {"tcp.sport", {}}},
                         {"tcp.dstport", {"tcp.dport", {}}},
                         {"udp.srcport", {"udp.sport", {}}},
                         {"udp.dstport", {"udp.dport", {}}},
                         {"port.source", {"port.src", {}}},
                         {"port.dest", {"port.dst", {}}},
                         {"saddr", {"ip.src", {}}},
                         {"daddr", {"ip.dst", {}}},
                         {"ip.saddr", {"ip.src", {}}},
                         {"ip.daddr", {"ip.dst", {}}},
                         {"ip.source", {"ip.src", {}}},
                         {"ip.destination", {"ip.dst", {}}},
                         {"src", {"ip.src", {}}},
                         {"dst", {"ip.dst", {}}},
                         {"ip4.src", {"ip.src", {}}},
                         {"ip4.dst", {"ip.dst", {}}},
                         {"ip6.src", {"ip.src", {}}},
                         {"ip6.dst", {"ip.dst", {}}},
                         {"ipv6.src", {"ip.src", {}}},
                         {"ipv6.dst", {"ip.dst", {}}},
                         {"ip6.saddr", {"ip.src", {}}},
                         {"ip6.daddr", {"ip.dst", {}}},
                         {"proto", {"ip.proto", {}}},
                         {"protocol", {"ip.proto", {}}},
                         {"ip.protocol", {"ip.proto", {}}},
                         {"ip6.nexthdr", {"ip.proto", {}}},
                         {"ttl", {"ip.ttl", {}}},
                         {"ip6.hoplimit", {"ip.ttl", {}}},
                         {"ip6.hop_limit", {"ip.ttl", {}}},
                         {"dscp", {"ip.dscp", {}}},
                         {"ipv4", {"ip4", {}}},
                         {"ipv6", {"ip6", {}}},
                         {"icmpv6", {"icmp6", {}}},
                         {"ethertype", {"eth.type", {}}},
                         {"syn", {"tcp.syn", {}}},
                         {"ack", {"tcp.ack", {}}},
                         {"fin", {"tcp.fin", {}}},
                         {"rst", {"tcp.rst", {}}},
                         {"psh", {"tcp.psh", {}}},
                         {"tcp.flags.syn", {"tcp.syn", {}}},
                         {"tcp.flags.ack", {"tcp.ack", {}}},
                         {"tcp.flags.reset", {"tcp.rst", {}}},
                         {"tcp.flags.fin", {"tcp.fin", {}}},
                         {"iif", {"iface", {}}},
                         {"iifname", {"iface", {}}},
                         {"interface", {"iface", {}}},
                         {"device", {"iface", {}}},
                         {"len", {"packet.len", {}}},
                         {"length", {"packet.len", {}}},
                         {"frame.len", {"packet.len", {}}},
                         {"vlan.vid", {"vlan.id", {}}},
                         {"data", {"payload", {}}},
                         {"tcp.payload", {"payload", {}}},
                         {"udp.payload", {"payload", {}}},
                         {"fragment", {"ip.is_fragment", {}}}};

}  // namespace

FieldSuggestion suggest_field(std::string_view name) {
    for (const Row& row : kRows)
        if (row.theirs == name) return row.ours;
    const std::size_t dot = name.find('.');
    if (dot == std::string_view::npos) return {};
    const auto turned = packet::find_field(std::string(name.substr(dot + 1)) + "." + std::string(name.substr(0, dot)));
    const bool is_ours = turned && packet::layer_of(*turned) == packet::Layer::kOuter;
    return is_ours ? FieldSuggestion{packet::field(*turned).name, {}} : FieldSuggestion{};
}

}  // namespace weir::sema
