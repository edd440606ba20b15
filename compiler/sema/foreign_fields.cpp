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
constexpr FieldSuggestion only_help(std::string_view help) { return {{}, {}, help}; }
constexpr FieldSuggestion kIp4 =
    only_help("write `ip4 and ip.src …` or `ip4 and ip.dst …`: addresses are one field for both IP versions");
constexpr FieldSuggestion kIp6 =
    only_help("write `ip6 and ip.src …` or `ip6 and ip.dst …`: addresses are one field for both IP versions");
constexpr FieldSuggestion kClock = only_help(
    "a condition cannot ask the time of day: `weir reload` with another policy at that time, from cron or a timer");
constexpr FieldSuggestion kPlace =
    only_help("there is no database of places: put their prefixes into a file, `set NAME : net from \"FILE\"`");
constexpr FieldSuggestion kProcess = only_help("at this hook a packet belongs to no process and to no user yet");
constexpr FieldSuggestion kTracked = only_help(
    "flows have fields: `flow.is_new`, `flow.established`; what is related to another flow is a flow of its own");
constexpr FieldSuggestion kMark = only_help("a packet has no mark before the kernel's stack has seen it");

constexpr Row kRows[] = {
    {"tcp.port", {"tcp.sport", "tcp.dport"}},
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
    {"src_ip", {"ip.src", {}}},
    {"dest_ip", {"ip.dst", {}}},
    {"src_port", {"port.src", {}}},
    {"dest_port", {"port.dst", {}}},
    {"dsize", {"payload.len", {}}},
    {"ip4.src", kIp4},
    {"ip4.dst", kIp4},
    {"ip6.src", kIp6},
    {"ip6.dst", kIp6},
    {"ipv6.src", kIp6},
    {"ipv6.dst", kIp6},
    {"ip6.saddr", kIp6},
    {"ip6.daddr", kIp6},
    {"proto", {"ip.proto", {}}},
    {"protocol", {"ip.proto", {}}},
    {"ip.protocol", {"ip.proto", {}}},
    {"ip6.nexthdr", only_help("write `ip6 and ip.proto == …`: the protocol after the extension headers")},
    {"ttl", {"ip.ttl", {}}},
    {"ip6.hoplimit", only_help("write `ip6 and ip.ttl …`")},
    {"ip6.hop_limit", only_help("write `ip6 and ip.ttl …`")},
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
    {"len", {"packet.len", "ip.len"}},
    {"length", {"packet.len", "ip.len"}},
    {"frame.len", {"packet.len", {}}},
    {"vlan.vid", {"vlan.id", {}}},
    {"data", {"payload", {}}},
    {"tcp.payload", {"payload", {}}},
    {"udp.payload", {"payload", {}}},
    {"tcp.dest", {"tcp.dport", {}}},
    {"tcp.source", {"tcp.sport", {}}},
    {"udp.dest", {"udp.dport", {}}},
    {"udp.source", {"udp.sport", {}}},
    {"tcp.flags.push", {"tcp.psh", {}}},
    {"tcp.flags.urg", {"tcp.urg", {}}},
    {"tcp.window_size_value", {"tcp.window", {}}},
    {"tcp.len", {"payload.len", {}}},
    {"udp.length", {"udp.len", {}}},
    {"ip.flags.df", {"ip.df", {}}},
    {"ip.flags.mf", {"ip.mf", {}}},
    {"ip.dsfield.dscp", {"ip.dscp", {}}},
    {"ip.dsfield.ecn", {"ip.ecn", {}}},
    {"ip.tos", {"ip.dscp", "ip.ecn"}},
    {"icmpv6.type", {"icmp6.type", {}}},
    {"icmpv6.code", {"icmp6.code", {}}},
    {"arp.opcode", {"arp.op", {}}},
    {"arp.src.proto_ipv4", {"arp.sender_ip", {}}},
    {"arp.dst.proto_ipv4", {"arp.target_ip", {}}},
    {"vlan.priority", {"vlan.pcp", {}}},
    {"vlan.inner", {"vlan.inner_id", {}}},
    {"svlan", {"vlan.id", {}}},
    {"cvlan", {"vlan.inner_id", {}}},
    {"ieee8021ad.id", {"vlan.id", "vlan.inner_id"}},
    {"eth.ig", {"eth.is_multicast", {}}},
    {"eth.dst.ig", {"eth.is_multicast", {}}},
    {"pppoes", {"pppoe", {}}},
    {"pppoe.session_id", {"pppoe.session", {}}},
    {"pppoe.id", {"pppoe.session", {}}},
    {"mpls.stack_depth", {"mpls.depth", {}}},
    {"ipv6.hopopts", {"ip6.hop_by_hop", {}}},
    {"ipv6.routing", {"ip6.routing", {}}},
    {"ipv6.routing.type", {"ip6.routing_type", {}}},
    {"rt.type", {"ip6.routing_type", {}}},
    {"ipv6.fraghdr", {"ip6.fragment", {}}},
    {"ipv6.dstopts", {"ip6.destination", {}}},
    {"lsrr", {"ip4.source_route", {}}},
    {"ssrr", {"ip4.source_route", {}}},
    {"ip.lsrr", {"ip4.source_route", {}}},
    {"ip.ssrr", {"ip4.source_route", {}}},
    {"frame.interface_name", {"iface", {}}},
    {"dns.qry.name", {"dns.qname", {}}},
    {"dns.qry.type", {"dns.qtype", {}}},
    {"dns.query", {"dns.qname", {}}},
    {"dns.flags.rcode", {"dns.rcode", {}}},
    {"tls.handshake.extensions_server_name", {"tls.sni", {}}},
    {"http.request.method", {"http.method", {}}},
    {"http.request.uri", {"http.target", {}}},
    {"http.uri", {"http.target", {}}},
    {"http.response.code", {"http.status", {}}},
    {"ipv4.srcaddr", kIp4},
    {"ipv4.dstaddr", kIp4},
    {"hdr.ipv4.srcaddr", kIp4},
    {"hdr.ipv4.dstaddr", kIp4},
    {"hdr.ipv6.srcaddr", kIp6},
    {"hdr.ipv6.dstaddr", kIp6},
    {"hdr.ipv4.protocol", only_help("write `ip4 and ip.proto == …`")},
    {"hdr.ipv4.ttl", only_help("write `ip4 and ip.ttl …`")},
    {"hdr.tcp.dstport", {"tcp.dport", {}}},
    {"hdr.tcp.srcport", {"tcp.sport", {}}},
    {"hdr.udp.dstport", {"udp.dport", {}}},
    {"hdr.udp.srcport", {"udp.sport", {}}},
    {"hdr.ethernet.ethertype", {"eth.type", {}}},
    {"hdr.ethernet.srcaddr", {"eth.src", {}}},
    {"hdr.ethernet.dstaddr", {"eth.dst", {}}},
    {"time.hour", kClock},
    {"time.weekday", kClock},
    {"time.day", kClock},
    {"hour", kClock},
    {"time", kClock},
    {"day", kClock},
    {"geoip.country", kPlace},
    {"geoip", kPlace},
    {"geo.country", kPlace},
    {"geo", kPlace},
    {"country", kPlace},
    {"asn", kPlace},
    {"ip.geoip.country", kPlace},
    {"ip.country", kPlace},
    {"user", kProcess},
    {"uid", kProcess},
    {"pid", kProcess},
    {"process", kProcess},
    {"ct.state", kTracked},
    {"ct", kTracked},
    {"state", kTracked},
    {"established", kTracked},
    {"related", kTracked},
    {"new", kTracked},
    {"flow", kTracked},
    {"mark", kMark},
    {"meta.mark", kMark},
    {"any", only_help("write `true` for a condition that always holds")},
    {"all", only_help("write `true` for a condition that always holds")},
    {"always", only_help("write `true` for a condition that always holds")},
    {"content", only_help("write `payload contains \"…\"`: it looks at the first 512 bytes of payload")},
    {"nocase", only_help("`nocase` stands after `contains`, `starts_with` or `ends_with`")},
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
