// Domains of what stands behind the ports, of MAC addresses, and of both directions.
#include <initializer_list>

#include "tests/analysis/domains.h"
#include "tests/analysis/shape.h"
#include "tests/support/tls_frames.h"

namespace weir::tests {
namespace {

using Words = std::vector<std::uint16_t>;

void add_flags(std::vector<Atom>& atoms, std::initializer_list<const char*> names) {
    for (const char* name : names) atoms.push_back(flag(name));
}

void add_texts(std::vector<Atom>& atoms, const std::string& field, std::initializer_list<const char*> values) {
    for (const char* value : values)
        for (const char* op : {"==", "!="}) atoms.push_back(text_is(field, op, value));
}

void add_all(Domain& domain, const std::vector<Bytes>& frames) {
    for (const Bytes& frame : frames) domain.sent.push_back({.frame = frame});
}

// The payload in a segment or datagram of either version, whole, as a first fragment, and as a later one.
void add_payload(Domain& domain, Shape shape, const Bytes& payload) {
    shape.payload = payload;
    for (const int version : {4, 6}) {
        shape.version = version;
        for (const std::uint16_t offset : Words{0, 1480})
            for (const bool more : {false, true}) {
                shape.offset = offset;
                shape.more = more;
                domain.sent.push_back({.frame = frame_of(shape)});
            }
    }
}

Bytes dns_message(std::uint16_t flags, std::uint16_t type, std::uint16_t answers, const std::string& name) {
    Bytes question;
    for (std::size_t begin = 0; begin < name.size();) {
        const std::size_t end = std::min(name.find('.', begin), name.size());
        question.push_back(static_cast<std::uint8_t>(end - begin));
        question = question + text(name.substr(begin, end - begin));
        begin = end + 1;
    }
    return be16(7) + be16(flags) + be16(1) + be16(answers) + zeros(4) + question + zeros(1) + be16(type) + be16(1);
}

// A packet in a VXLAN, GENEVE, GRE or IP header.
enum class Carrier { kVxlan, kGeneve, kGre, kIpip };
void add_tunnelled(Domain& domain, Carrier carrier, std::uint32_t number, const Shape& inner) {
    const Bytes datagram = datagram_of(inner);
    const Bytes ether = eth(inner.version == 4 ? 0x0800 : 0x86dd) + datagram;
    Shape outer;
    outer.protocol = 17;
    if (carrier == Carrier::kVxlan) {
        outer.destination = 4789;
        outer.payload = hex("08000000") + be32(std::uint64_t{number} << 8) + ether;
    } else if (carrier == Carrier::kGeneve) {
        outer.destination = 6081;
        outer.payload = hex("0000 6558") + be32(std::uint64_t{number} << 8) + ether;
    } else if (carrier == Carrier::kGre) {
        outer.protocol = 47;
        outer.payload = hex("2000") + be16(inner.version == 4 ? 0x0800 : 0x86dd) + be32(number) + datagram;
    } else {
        outer.protocol = inner.version == 4 ? 4 : 41;
        outer.payload = datagram;
    }
    for (const int version : {4, 6}) {
        outer.version = version;
        domain.sent.push_back({.frame = frame_of(outer)});
    }
}

// The errors of both versions about this packet.
void add_quoted(Domain& domain, Shape inner) {
    for (const int version : {4, 6}) {
        Shape outer;
        outer.version = version;
        outer.protocol = version == 4 ? 1 : 58;
        inner.version = version;
        outer.payload = datagram_of(inner);
        for (const std::uint8_t type : Bytes{1, 3, 11, 127}) {
            outer.type = type;
            domain.sent.push_back({.frame = frame_of(outer)});
        }
    }
}

}  // namespace

Domain icmp_domain() {
    Domain domain{.name = "icmp"};
    add_flags(domain.atoms, {"icmp", "icmp6", "ip4", "ip6", "icmp.has_inner", "icmp6.has_inner", "inner", "malformed"});
    for (const char* field : {"icmp.type", "icmp6.type"}) {
        add_numbers(domain.atoms, field, {8, 128}, "== != < >=");
        add_numbers(domain.atoms, field, {3}, "== !=");
    }
    add_numbers(domain.atoms, "icmp.type", {0}, "== !=");
    add_numbers(domain.atoms, "icmp6.type", {129}, "== <=");
    domain.atoms.push_back(within("icmp6.type", In::kIn, "133..137", {{133, 137}}));
    add_numbers(domain.atoms, "icmp.code", {0}, "== !=");
    for (const char* field : {"icmp.id", "icmp.seq", "icmp6.id", "icmp6.seq"})
        add_numbers(domain.atoms, field, {7}, "== !=");
    domain.keys = {"icmp.id", "ip.src"};
    add_all(domain, all_shapes());
    for (const int version : {4, 6})
        for (const int type : {0, 1, 2, 3, 4, 5, 7, 8, 9, 11, 12, 127, 128, 129, 130, 132, 133, 137, 138, 255})
            for (const std::uint8_t code : Bytes{0, 1})
                for (const std::uint16_t id : Words{6, 7})
                    for (const std::uint16_t seq : Words{6, 7})
                        for (const std::uint16_t offset : Words{0, 1480}) {
                            Shape shape;
                            shape.version = version;
                            shape.protocol = version == 4 ? 1 : 58;
                            shape.type = static_cast<std::uint8_t>(type);
                            shape.code = code;
                            shape.icmp_id = id;
                            shape.icmp_seq = seq;
                            shape.offset = offset;
                            domain.sent.push_back({.frame = frame_of(shape)});
                            Shape quoted;
                            quoted.version = version;
                            shape.payload = datagram_of(quoted);
                            domain.sent.push_back({.frame = frame_of(shape)});
                        }
    for (const Carrier carrier : {Carrier::kVxlan, Carrier::kGre, Carrier::kIpip})
        add_tunnelled(domain, carrier, 1, {});
    return domain;
}

Domain header_domain() {
    Domain domain{.name = "header"};
    add_flags(domain.atoms, {"ip4", "ip6", "ip.df", "tcp", "udp", "arp"});
    add_numbers(domain.atoms, "ip.ttl", {1, 64, 255}, "== !=");
    add_numbers(domain.atoms, "ip.ttl", {1, 64}, "< <= > >=");
    add_numbers(domain.atoms, "ip.dscp", {0, 46}, "== != >");
    domain.atoms.push_back(number("ip.dscp", "<", 46));
    add_numbers(domain.atoms, "ip.ecn", {0, 3}, "== !=");
    domain.atoms.push_back(number("ip.ecn", "<", 2));
    domain.atoms.push_back(masked("ip.ttl", 0xc0, "==", 0x40));
    add_numbers(domain.atoms, "ip6.flow_label", {0, 5}, "== !=");
    domain.keys = {"ip.ttl", "ip6.flow_label"};
    add_all(domain, all_shapes());
    for (const int version : {4, 6})
        for (const std::uint8_t protocol : Bytes{6, 17, 89})
            for (const std::uint8_t ttl : Bytes{0, 1, 2, 63, 64, 65, 127, 128, 254, 255})
                for (const int dscp : {0, 1, 45, 46, 47, 63})
                    for (const int ecn : {0, 1, 2, 3})
                        for (const std::uint32_t label : {0u, 1u, 5u}) {
                            Shape shape;
                            if (version == 4 && label > 1) continue;
                            shape.version = version;
                            shape.protocol = protocol;
                            shape.ttl = ttl;
                            shape.tos = static_cast<std::uint8_t>(dscp << 2 | ecn);
                            shape.flow_label = label;
                            shape.dont_fragment = label == 1;
                            domain.sent.push_back({.frame = frame_of(shape)});
                        }
    return domain;
}

Domain extension_domain() {
    Domain domain{.name = "extension"};
    add_flags(domain.atoms,
              {"ip4", "ip6", "ip.has_options", "ip6.hop_by_hop", "ip6.routing", "ip6.fragment", "ip6.destination",
               "ip4.source_route", "malformed", "ip.is_fragment", "ip.mf", "tcp", "udp"});
    add_numbers(domain.atoms, "ip6.routing_type", {0, 4}, "== !=");
    add_numbers(domain.atoms, "ip.frag_offset", {0}, "== >");
    add_numbers(domain.atoms, "ip.proto", {6, 50}, "== !=");
    add_numbers(domain.atoms, "ip.id", {5}, "== !=");
    domain.keys = {"ip6.routing_type", "ip.id", "ip.proto"};
    add_all(domain, all_shapes());
    const std::uint8_t kinds[] = {0, 43, 51, 60};
    for (unsigned chosen = 0; chosen < 16; ++chosen)
        for (const std::uint8_t routing : Bytes{0, 1, 4})
            for (const std::uint8_t protocol : Bytes{6, 17, 50, 89})
                for (const int part : {0, 1, 2, 3, 4})
                    for (const auto fault :
                         {Shape::Fault::kNone, Shape::Fault::kExtensions, Shape::Fault::kTransportCut})
                        for (const std::uint16_t id : Words{4, 5}) {
                            Shape shape;
                            shape.version = 6;
                            for (unsigned i = 0; i < 4; ++i)
                                if ((chosen >> i & 1) != 0) shape.extensions.push_back(kinds[i]);
                            shape.routing_type = routing;
                            shape.protocol = protocol;
                            shape.has_fragment_header = part != 0;
                            shape.more = part == 1 || part == 2;
                            shape.offset = part == 2 || part == 3 ? 8 : 0;
                            shape.fault = fault;
                            shape.id = id;
                            domain.sent.push_back({.frame = frame_of(shape)});
                            shape.version = 4;
                            shape.options = chosen == 0   ? Bytes{}
                                            : chosen == 1 ? hex("01010101")
                                                          : hex("830704c0000201 00");
                            domain.sent.push_back({.frame = frame_of(shape)});
                        }
    return domain;
}

Domain dns_domain() {
    Domain domain{.name = "dns"};
    add_flags(domain.atoms, {"dns", "dns.is_response", "udp", "tcp", "ip.is_fragment"});
    for (const char* field : {"udp.sport", "udp.dport"}) add_numbers(domain.atoms, field, {53}, "== !=");
    add_numbers(domain.atoms, "port.dst", {53}, "== !=");
    add_numbers(domain.atoms, "dns.qtype", {1, 28}, "== !=");
    add_numbers(domain.atoms, "dns.rcode", {0, 3}, "== !=");
    add_numbers(domain.atoms, "dns.answers", {0}, "== >");
    add_texts(domain.atoms, "dns.qname", {"a.example", "b.example"});
    domain.keys = {"dns.qname", "udp.sport"};
    add_all(domain, all_shapes());
    Shape shape;
    for (const std::uint8_t protocol : Bytes{6, 17})
        for (const std::uint16_t source : Words{52, 53, 54})
            for (const std::uint16_t destination : Words{52, 53, 54}) {
                shape.protocol = protocol;
                shape.source = source;
                shape.destination = destination;
                add_payload(domain, shape, hex("0001"));
                for (const char* name : {"a.example", "b.example", "c.example"})
                    for (const std::uint16_t type : Words{1, 2, 28})
                        for (const int answers : {0, 1})
                            for (const int flags : {0x0100, 0x8180, 0x0103, 0x8183, 0x8182, 0x0102})
                                add_payload(domain, shape,
                                            dns_message(static_cast<std::uint16_t>(flags), type,
                                                        static_cast<std::uint16_t>(answers), name));
            }
    return domain;
}

Domain tls_domain() {
    Domain domain{.name = "tls"};
    add_flags(domain.atoms, {"tls", "tls.is_client_hello", "tls.is_cut", "http", "tcp", "udp"});
    add_numbers(domain.atoms, "tls.version", {0x0303}, "== != <");
    add_numbers(domain.atoms, "tcp.dport", {443}, "== !=");
    add_texts(domain.atoms, "tls.sni", {"a.example", "b.example"});
    add_texts(domain.atoms, "tls.alpn", {"h2"});
    domain.keys = {"tls.sni", "tcp.dport", "tls.version"};
    add_all(domain, all_shapes());
    Shape shape;
    for (const std::uint16_t port : Words{443, 444}) {
        shape.destination = port;
        add_payload(domain, shape, text("GET / HTTP/1.1\r\n\r\n"));
        for (const std::uint16_t version : Words{0x0302, 0x0303, 0x0304}) {
            add_payload(domain, shape, hex("1703030002 0000"));
            add_payload(domain, shape, hex("16") + be16(version) + hex("0005 02000001ff"));
            for (const char* name : {"", "a.example", "b.example", "c.example"})
                for (const char* offered : {"", "h2", "h3"}) {
                    Hello hello;
                    hello.version = version;
                    if (*name != 0) hello.extensions.push_back(server_name(name));
                    if (*offered != 0) hello.extensions.push_back(alpn({offered}));
                    const Bytes whole = client_hello(hello);
                    add_payload(domain, shape, whole);
                    // The rest of the hello, beyond what decides, comes in another segment.
                    hello.behind = zeros(40);
                    const Bytes longer = client_hello(hello);
                    for (const std::size_t less : {1, 45, 60, 90})
                        if (less < longer.size()) add_payload(domain, shape, cut(longer, longer.size() - less));
                    for (const std::size_t bytes : {5, 6, 9, 10, 11, 43}) add_payload(domain, shape, cut(whole, bytes));
                }
        }
        // The name that an earlier segment's hello goes on to.
        for (const char* name : {"a.example", "b.example", "c.example"})
            for (const int version : {4, 6}) {
                shape.version = version;
                for (const char* payload : {"", "rest", "GET / HTTP/1.1\r\n\r\n"}) {
                    shape.payload = text(payload);
                    domain.sent.push_back({.frame = frame_of(shape), .later_name = name});
                }
            }
    }
    return domain;
}

Domain http_domain() {
    Domain domain{.name = "http"};
    add_flags(domain.atoms, {"http", "http.is_cut", "tls", "tcp", "udp", "malformed"});
    add_texts(domain.atoms, "http.method", {"GET", "POST"});
    add_texts(domain.atoms, "http.target", {"/a"});
    add_texts(domain.atoms, "http.host", {"a.example"});
    add_texts(domain.atoms, "http.user_agent", {"curl"});
    add_numbers(domain.atoms, "http.status", {200, 400}, "== < >=");
    add_numbers(domain.atoms, "tcp.dport", {80}, "== !=");
    domain.keys = {"http.host", "http.status"};
    add_all(domain, all_shapes());
    Shape shape;
    for (const std::uint16_t port : Words{80, 81}) {
        shape.destination = port;
        add_payload(domain, shape, hex("1603010005 02000001ff"));
        for (const char* end : {"\r\n\r\n", "\r\n"}) {
            for (const char* method : {"GET", "POST", "PUT"})
                for (const char* target : {"/a", "/b"})
                    for (const char* host : {"", "\r\nHost: a.example", "\r\nHost: b.example"})
                        for (const char* agent : {"", "\r\nUser-Agent: curl", "\r\nUser-Agent: x"})
                            add_payload(domain, shape,
                                        text(std::string(method) + " " + target + " HTTP/1.1" + host + agent + end));
            for (const char* status : {"199", "200", "201", "399", "400", "401", "20x"})
                add_payload(domain, shape, text(std::string("HTTP/1.1 ") + status + " OK" + end));
        }
    }
    return domain;
}

Domain tunnel_domain() {
    Domain domain{.name = "tunnel"};
    add_flags(domain.atoms, {"vxlan", "geneve", "gre", "ipip", "inner", "udp", "tcp", "icmp", "ip4", "ip6", "inner.ip4",
                             "inner.tcp", "inner.malformed", "malformed", "icmp.has_inner"});
    add_numbers(domain.atoms, "udp.dport", {4789, 6081}, "== !=");
    add_numbers(domain.atoms, "vxlan.vni", {42}, "== !=");
    add_numbers(domain.atoms, "geneve.vni", {42}, "== !=");
    add_numbers(domain.atoms, "gre.key", {42}, "== !=");
    add_numbers(domain.atoms, "ip.proto", {47, 4, 41}, "== !=");
    domain.keys = {"vxlan.vni", "gre.key", "inner.ip.src"};
    add_all(domain, all_shapes());
    for (Shape inner : ip_shapes()) {
        if (inner.offset != 0 || inner.more) continue;
        for (const std::uint32_t number : {41u, 42u})
            for (const Carrier carrier : {Carrier::kVxlan, Carrier::kGeneve, Carrier::kGre, Carrier::kIpip})
                for (const auto fault : {inner.fault, Shape::Fault::kIpCut, Shape::Fault::kIpLength}) {
                    Shape at_fault = inner;
                    at_fault.fault = fault;
                    add_tunnelled(domain, carrier, number, at_fault);
                }
        add_quoted(domain, inner);
    }
    Shape bare;
    for (const char* payload :
         {"", "00", "0000000000002a00", "0800000000002a00", "4000655800002a00", "0000655800002a00", "0001080000000000",
          "20000806 0000002a", "60000800 000000000000002a", "08000000 00002a00 00"})
        for (const std::uint8_t protocol : Bytes{4, 17, 41, 47})
            for (const std::uint16_t port : Words{4788, 4789, 4790, 6080, 6081, 6082}) {
                bare.protocol = protocol;
                bare.destination = port;
                add_payload(domain, bare, hex(payload));
            }
    return domain;
}

Domain inner_domain() {
    Domain domain{.name = "inner"};
    add_flags(domain.atoms, {"inner", "inner.ip", "inner.ip4", "inner.ip6", "inner.tcp", "inner.udp", "inner.icmp",
                             "inner.ip.mf", "inner.ip.is_fragment", "inner.malformed", "inner.tcp.syn", "ip4", "udp"});
    add_numbers(domain.atoms, "inner.ip.proto", {6, 17}, "== !=");
    add_numbers(domain.atoms, "inner.port.dst", {80}, "== !=");
    add_numbers(domain.atoms, "inner.tcp.dport", {80}, "== != <");
    for (const In in : {In::kIn, In::kNotIn}) domain.atoms.push_back(nets("inner.ip.src", in, "198.51.100.0/24"));
    domain.keys = {"inner.ip.src", "inner.port.dst"};
    add_all(domain, all_shapes());
    for (Shape inner : ip_shapes())
        for (const std::uint16_t port : Words{79, 80, 81})
            for (const std::uint8_t flags : Bytes{0x02, 0x10})
                for (const bool other : {false, true}) {
                    inner.destination = port;
                    inner.flags = flags;
                    inner.source4 = other ? hex("c0000201") : Shape{}.source4;
                    add_tunnelled(domain, Carrier::kVxlan, 1, inner);
                    add_tunnelled(domain, Carrier::kGre, 1, inner);
                    if (inner.extensions.empty() && inner.options.empty()) add_quoted(domain, inner);
                }
    // What an ICMP error has of a packet may end behind the ports.
    for (const std::size_t bytes : {0, 19, 20, 27, 28, 39, 40, 47, 48})
        for (const int version : {4, 6})
            for (const std::uint16_t port : Words{79, 80, 81}) {
                Shape inner, outer;
                inner.version = outer.version = version;
                inner.destination = port;
                outer.protocol = version == 4 ? 1 : 58;
                outer.type = 3;
                outer.payload = cut(datagram_of(inner), bytes);
                domain.sent.push_back({.frame = frame_of(outer)});
            }
    return domain;
}

Domain mac_domain() {
    Domain domain{.name = "mac"};
    add_flags(domain.atoms, {"eth.is_multicast", "malformed", "ip", "arp"});
    const std::uint64_t kOne = 0x020000000001, kGroup = 0x01005e000001, kAll = 0xffffffffffff;
    for (const char* field : {"eth.src", "eth.dst"})
        for (const char* op : {"==", "!="}) {
            domain.atoms.push_back(number(field, op, kOne, "02:00:00:00:00:01"));
            domain.atoms.push_back(number(field, op, kGroup, "01:00:5e:00:00:01"));
            domain.atoms.push_back(number(field, op, kAll, "ff:ff:ff:ff:ff:ff"));
        }
    for (const In in : {In::kIn, In::kNotIn})
        for (const char* field : {"eth.src", "eth.dst"})
            domain.atoms.push_back(within(field, in, "01:00:5e:00:00:00/25", {{0x01005e000000, 0x01005e00007f}}));
    for (const char* op : {"==", "!="}) domain.atoms.push_back(fields("eth.src", op, "eth.dst"));
    domain.keys = {"eth.src"};
    add_all(domain, all_shapes());
    // IP, ARP, neither, at fault.
    Shape at_fault;
    at_fault.fault = Shape::Fault::kTransportCut;
    const std::vector<Bytes> shapes = {tcp4(), arp(),          eth(0x88cc) + zeros(46), cut(tcp4(), 30),
                                       tcp6(), cut(arp(), 20), frame_of(at_fault)};
    const std::vector<Bytes> macs = {hex("020000000000"), hex("020000000001"), hex("020000000002"),
                                     hex("01005dffffff"), hex("01005e000000"), hex("01005e000001"),
                                     hex("01005e00007f"), hex("01005e000080"), hex("01005e000002"),
                                     hex("ffffffffffff"), hex("fffffffffffe"), hex("030000000000")};
    for (const Bytes& source : macs)
        for (const Bytes& destination : macs)
            for (const Bytes& plain : shapes) {
                if (plain.size() < 14) continue;
                domain.sent.push_back({.frame = destination + source + Bytes(plain.begin() + 12, plain.end())});
            }
    return domain;
}

Domain direction_domain() {
    Domain domain{.name = "direction", .both_ways = true};
    add_flags(domain.atoms, {"tcp", "udp", "arp", "ip", "ip4", "ip6", "malformed"});
    add_texts(domain.atoms, "iface", {"eth0", "eth1"});
    add_numbers(domain.atoms, "rx_queue", {0}, ">=");
    add_numbers(domain.atoms, "port.dst", {80}, "== != <");
    domain.keys = {"ip.src", "rx_queue"};
    std::vector<Bytes> frames = all_shapes();
    for (const std::uint8_t protocol : Bytes{6, 17, 132})
        for (const std::uint16_t port : Words{79, 81}) {
            Shape shape;
            shape.protocol = protocol;
            shape.destination = port;
            for (const int version : {4, 6}) {
                shape.version = version;
                frames.push_back(frame_of(shape));
            }
        }
    for (const Bytes& frame : frames)
        for (const char* interface : {"", "eth0", "eth1", "eth2"})
            for (const packet::Direction direction : packet::kDirections)
                domain.sent.push_back({frame, direction, interface});
    return domain;
}

}  // namespace weir::tests
