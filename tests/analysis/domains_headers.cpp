// Domains of what is in the headers of link, IP and transport.
#include <initializer_list>

#include "tests/analysis/domains.h"
#include "tests/analysis/shape.h"

namespace weir::tests {
namespace {

using Words = std::vector<std::uint16_t>;

void add_flags(std::vector<Atom>& atoms, std::initializer_list<const char*> names) {
    for (const char* name : names) atoms.push_back(flag(name));
}

void add_all(Domain& domain, const std::vector<Bytes>& frames) {
    for (const Bytes& frame : frames) domain.sent.push_back({.frame = frame});
}

// Both versions of a shape.
template <typename Make>
void both_versions(Domain& domain, Shape shape, const Make& make) {
    for (const int version : {4, 6}) {
        shape.version = version;
        make(domain, shape);
    }
}

}  // namespace

Domain link_domain() {
    Domain domain{.name = "link"};
    add_flags(domain.atoms, {"arp", "ip", "ip4", "ip6", "vlan", "pppoe", "mpls", "malformed", "tcp"});
    for (const std::uint64_t type : {0x0800, 0x86dd, 0x0806, 0x8864, 0x8847, 0x88cc})
        for (const char* op : {"==", "!="}) domain.atoms.push_back(number("eth.type", op, type));
    add_numbers(domain.atoms, "eth.type", {1536, 0x0806}, "< >=");
    domain.atoms.push_back(within("eth.type", In::kIn, "{ 0x0800, 0x86dd }", {{0x0800, 0x0800}, {0x86dd, 0x86dd}}));
    domain.atoms.push_back(
        within("eth.type", In::kNotIn, "{ ip4, ip6, arp }", {{0x0800, 0x0800}, {0x86dd, 0x86dd}, {0x0806, 0x0806}}));
    add_numbers(domain.atoms, "vlan.depth", {0, 1, 2}, "== !=");
    add_numbers(domain.atoms, "vlan.depth", {1, 2}, "< >=");
    add_numbers(domain.atoms, "vlan.depth", {1}, "> <=");
    add_numbers(domain.atoms, "vlan.id", {7, 100}, "== != <");
    add_numbers(domain.atoms, "vlan.inner_id", {7}, "== !=");
    add_numbers(domain.atoms, "ip.version", {4, 6}, "== !=");
    domain.atoms.push_back(number("ip.version", "<", 6));
    add_numbers(domain.atoms, "mpls.depth", {1}, "== >");
    domain.atoms.push_back(number("arp.op", "==", 1));
    domain.keys = {"ip.src", "vlan.id", "arp.sender_ip"};
    add_all(domain, all_shapes());
    for (int tags = 0; tags <= 2; ++tags)
        for (const int type : {0x07ff, 0x0801, 0x86dc, 0x86de, 0x0805, 0x0807, 0x8863, 0x8865, 0x8846, 0x8848, 0x88cb,
                               0x88cc, 0x88cd, 0x05ff, 0x0600}) {
            Shape shape;
            shape.tags = tags;
            shape.other_type = type;
            domain.sent.push_back({.frame = frame_of(shape)});
        }
    std::vector<Bytes> multicasts;
    for (int tags = 0; tags <= 2; ++tags) {
        Shape shape;
        shape.tags = tags;
        shape.link = Shape::Link::kMpls;
        for (const int count : {1, 2})
            for (const int version : {4, 6}) {
                shape.labels = count;
                shape.version = version;
                Bytes frame = frame_of(shape);
                frame[13 + 4u * static_cast<std::size_t>(tags)] = 0x48;  // a multicast packet's type
                domain.sent.push_back({.frame = frame});
                if (tags == 0) multicasts.push_back(frame);
            }
        Bytes reply = arp_frame(2, hex("0a000001"), hex("0a000002"));
        shape = {.tags = tags};
        const Bytes tagged = frame_of(shape);
        domain.sent.push_back(
            {.frame = cut(tagged, 12 + 4u * static_cast<std::size_t>(tags)) + Bytes(reply.begin() + 12, reply.end())});
    }
    const auto is_tag = [](unsigned high, unsigned low) {
        return (high == 0x81 && low == 0) || (high == 0x88 && low == 0xa8);
    };
    for (int tags = 1; tags <= 3; ++tags)
        for (const std::uint16_t outer : Words{6, 7, 8, 99, 100, 101})
            for (const std::uint16_t inner : Words{6, 7, 8}) {
                std::vector<Bytes> shapes = all_shapes();
                shapes.insert(shapes.end(), multicasts.begin(), multicasts.end());
                for (const Bytes& plain : shapes) {
                    if (plain.size() < 14 || is_tag(plain[12], plain[13])) continue;
                    Bytes frame = cut(plain, 12) + tag(0x8100, outer);
                    if (tags > 1) frame = frame + tag(0x8100, inner);
                    if (tags > 2) frame = frame + tag(0x8100, 1);
                    if (plain.size() > 120) continue;
                    domain.sent.push_back({.frame = frame + Bytes(plain.begin() + 12, plain.end())});
                }
            }
    return domain;
}

Domain protocol_domain() {
    Domain domain{.name = "protocol"};
    add_flags(domain.atoms, {"ip", "ip4", "ip6", "tcp", "udp", "sctp", "icmp", "icmp6", "gre", "ipip", "malformed",
                             "arp", "ip.is_fragment", "ip.has_options"});
    add_numbers(domain.atoms, "ip.proto", {1, 4, 6, 17, 41, 47, 58, 132}, "== !=");
    add_numbers(domain.atoms, "ip.proto", {6, 17}, "< > <= >=");
    domain.atoms.push_back(within("ip.proto", In::kIn, "{ 6, 17 }", {{6, 6}, {17, 17}}));
    domain.atoms.push_back(within("ip.proto", In::kNotIn, "{ 6, 17, 132 }", {{6, 6}, {17, 17}, {132, 132}}));
    domain.atoms.push_back(within("ip.proto", In::kIn, "1..58", {{1, 58}}));
    add_numbers(domain.atoms, "payload.len", {0}, ">=");
    add_numbers(domain.atoms, "port.dst", {80}, "== !=");
    add_numbers(domain.atoms, "icmp.type", {8}, "==");
    add_numbers(domain.atoms, "icmp6.type", {128}, "==");
    domain.keys = {"ip.src", "port.src", "ip.proto"};
    add_all(domain, all_shapes());
    for (Shape shape : ip_shapes())
        for (const int protocol :
             {0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 40, 41, 42, 46, 47, 48, 57, 58, 59, 131, 132, 133, 255})
            for (const std::uint16_t port : Words{79, 80})
                for (const std::uint8_t type : Bytes{7, 8, 128}) {
                    if (shape.protocol != 89 && shape.protocol != 6) continue;
                    if (shape.version == 6 && protocol == 0) continue;
                    shape.protocol = static_cast<std::uint8_t>(protocol);
                    shape.destination = port;
                    shape.type = type;
                    domain.sent.push_back({.frame = frame_of(shape)});
                    shape.protocol = 6;
                }
    return domain;
}

Domain fragment_domain() {
    Domain domain{.name = "fragment"};
    add_flags(domain.atoms, {"ip4", "ip6", "ip.is_fragment", "ip.mf", "ip.df", "ip.has_options", "tcp", "udp",
                             "malformed", "ip6.fragment", "ip6.hop_by_hop"});
    add_numbers(domain.atoms, "ip.frag_offset", {0}, "== != >");
    add_numbers(domain.atoms, "ip.frag_offset", {8, 1480}, "== != < <= > >=");
    add_numbers(domain.atoms, "ip.frag_offset", {7}, "==");
    add_numbers(domain.atoms, "ip.frag_offset", {65528}, "== <");
    domain.atoms.push_back(masked("ip.frag_offset", 7, "!=", 0));
    domain.atoms.push_back(masked("ip.frag_offset", 0x1ff8, "==", 8));
    add_numbers(domain.atoms, "ip.id", {5}, "== !=");
    add_numbers(domain.atoms, "payload.len", {0}, "== >=");
    add_numbers(domain.atoms, "ip.proto", {6, 17}, "== !=");
    domain.keys = {"ip.id", "payload.len", "tcp.sport"};
    add_all(domain, all_shapes());
    for (Shape shape : ip_shapes()) {
        if (shape.protocol != 6 && shape.protocol != 17 && shape.protocol != 89) continue;
        if (!shape.extensions.empty() && shape.extensions.front() != 0) continue;
        for (const std::uint16_t offset : Words{0, 8, 16, 1472, 1480, 1488, 8192 + 8, 65520, 65528})
            for (const std::uint16_t id : Words{4, 5})
                for (const bool df : {false, true})
                    for (const bool more : {false, true}) {
                        shape.offset = offset;
                        shape.id = id;
                        shape.more = more;
                        shape.dont_fragment = df;
                        for (const std::size_t bytes : {0, 1}) {
                            shape.payload = zeros(bytes);
                            domain.sent.push_back({.frame = frame_of(shape)});
                        }
                    }
    }
    return domain;
}

Domain port_domain() {
    Domain domain{.name = "port"};
    add_flags(domain.atoms, {"tcp", "udp", "sctp"});
    for (const char* field : {"tcp.sport", "tcp.dport", "port.src", "port.dst"}) {
        add_numbers(domain.atoms, field, {80, 1024}, "== != < <= > >=");
        domain.atoms.push_back(within(field, In::kIn, "80..1024", {{80, 1024}}));
        domain.atoms.push_back(within(field, In::kNotIn, "{ 80, 1024..65535 }", {{80, 80}, {1024, 65535}}));
    }
    add_numbers(domain.atoms, "udp.dport", {80, 1024}, "== <");
    for (const char* op : {"==", "!=", "<", "<=", ">", ">="}) {
        domain.atoms.push_back(fields("tcp.sport", op, "tcp.dport"));
        domain.atoms.push_back(fields("port.src", op, "port.dst"));
        domain.atoms.push_back(fields("tcp.dport", op, "tcp.sport"));
    }
    domain.atoms.push_back(number("tcp.sport", "==", 65535));
    domain.atoms.push_back(number("tcp.dport", "==", 0));
    domain.keys = {"tcp.sport", "port.dst"};
    add_all(domain, all_shapes());
    const std::vector<std::uint16_t> ports = {0,    1,    78,   79,   80,   81,    82,    83,   1021,
                                              1022, 1023, 1024, 1025, 1026, 65533, 65534, 65535};
    Shape shape;
    for (const int protocol : {6, 17, 132})
        for (const std::uint16_t source : ports)
            for (const std::uint16_t destination : ports) {
                shape.protocol = static_cast<std::uint8_t>(protocol);
                shape.source = source;
                shape.destination = destination;
                domain.sent.push_back({.frame = frame_of(shape)});
            }
    return domain;
}

Domain flag_domain() {
    Domain domain{.name = "flag"};
    add_flags(domain.atoms, {"tcp", "tcp.fin", "tcp.syn", "tcp.rst", "tcp.psh", "tcp.ack", "tcp.urg", "tcp.ece",
                             "tcp.cwr", "udp", "ip.is_fragment"});
    add_numbers(domain.atoms, "tcp.flags", {0, 2, 0x12, 0x10}, "== !=");
    add_numbers(domain.atoms, "tcp.flags", {4, 0x40}, "< >=");
    add_numbers(domain.atoms, "tcp.flags", {0xff}, "==");
    for (const auto& [mask, value] : std::initializer_list<std::pair<std::uint64_t, std::uint64_t>>{
             {0x12, 0x02}, {0x12, 0x12}, {0x3f, 0}, {0x07, 0x04}, {0x17, 0x02}, {0xc0, 0}})
        for (const char* op : {"==", "!="}) domain.atoms.push_back(masked("tcp.flags", mask, op, value));
    domain.atoms.push_back(within("tcp.flags", In::kIn, "{ 2, 18, 16 }", {{2, 2}, {18, 18}, {16, 16}}));
    domain.keys = {"tcp.flags"};
    add_all(domain, all_shapes());
    both_versions(domain, {}, [](Domain& to, Shape shape) {
        for (const bool first : {false, true})
            for (int flags = 0; flags < 256; ++flags) {
                shape.more = first;
                shape.flags = static_cast<std::uint8_t>(flags);
                to.sent.push_back({.frame = frame_of(shape)});
            }
    });
    return domain;
}

Domain address_domain() {
    Domain domain{.name = "address"};
    add_flags(domain.atoms, {"ip", "ip4", "ip6", "arp"});
    for (const char* field : {"ip.src", "ip.dst"})
        for (const In in : {In::kIn, In::kNotIn})
            for (const char* list :
                 {"10.0.0.0/8", "10.0.0.0/9", "10.0.0.1", "2001:db8::/32", "10.0.0.0/8, 2001:db8::/32", "0.0.0.0/0",
                  "::/0", "10.128.0.0/9", "10.0.0.0/9, 10.128.0.0/9"}) {
                domain.atoms.push_back(nets(field, in, list));
            }
    for (const char* op : {"==", "!="}) domain.atoms.push_back(fields("ip.src", op, "ip.dst"));
    domain.keys = {"ip.src", "ip.dst"};
    add_all(domain, all_shapes());
    const std::vector<Bytes> four = {hex("09ffffff"), hex("09fffffe"), hex("0a000000"), hex("0a000001"),
                                     hex("0a000002"), hex("0a7fffff"), hex("0a800000"), hex("0a800001"),
                                     hex("0affffff"), hex("0b000000"), hex("0b000001")};
    const std::vector<Bytes> six = {hex("20010db7ffffffffffffffffffffffff"), hex("20010db7fffffffffffffffffffffffe"),
                                    hex("20010db8000000000000000000000000"), hex("20010db8ffffffffffffffffffffffff"),
                                    hex("20010db9000000000000000000000000"), zeros(16)};
    Shape shape;
    for (const Bytes& source : four)
        for (const Bytes& destination : four) {
            shape.source4 = source;
            shape.destination4 = destination;
            domain.sent.push_back({.frame = frame_of(shape)});
        }
    shape.version = 6;
    for (const Bytes& source : six)
        for (const Bytes& destination : six) {
            shape.source6 = source;
            shape.destination6 = destination;
            domain.sent.push_back({.frame = frame_of(shape)});
        }
    return domain;
}

Domain arp_domain() {
    Domain domain{.name = "arp"};
    add_flags(domain.atoms, {"arp", "ip4", "ip", "vlan", "malformed"});
    domain.atoms.push_back(number("eth.type", "==", 0x0806));
    domain.atoms.push_back(number("eth.type", "!=", 0x0806));
    add_numbers(domain.atoms, "arp.op", {1, 2}, "== != < <= > >=");
    for (const char* field : {"arp.sender_ip", "arp.target_ip"})
        for (const In in : {In::kIn, In::kNotIn})
            for (const char* list : {"10.0.0.0/8", "10.0.0.1"}) domain.atoms.push_back(nets(field, in, list));
    for (const char* op : {"==", "!="}) domain.atoms.push_back(fields("arp.sender_ip", op, "arp.target_ip"));
    domain.keys = {"arp.op", "arp.target_ip"};
    add_all(domain, all_shapes());
    const std::vector<Bytes> addresses = {hex("09ffffff"), hex("0a000000"), hex("0a000001"),
                                          hex("0a000002"), hex("0b000000"), hex("0b000001")};
    for (const std::uint16_t operation : Words{0, 1, 2, 3, 9})
        for (const bool tagged : {false, true}) {
            for (const Bytes& sender : addresses)
                for (const Bytes& target : addresses) {
                    Bytes frame = arp_frame(operation, sender, target);
                    if (tagged) frame = cut(frame, 12) + tag(0x8100, 7) + Bytes(frame.begin() + 12, frame.end());
                    domain.sent.push_back({.frame = frame});
                }
            domain.sent.push_back({.frame = macs() + (tagged ? tag(0x8100, 7) : Bytes{}) + hex("0806 000608000604") +
                                            be16(operation) + zeros(20)});
        }
    return domain;
}

}  // namespace weir::tests
