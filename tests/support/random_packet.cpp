#include "tests/support/random_packet.h"

#include <algorithm>

#include "tests/support/random_inside.h"

namespace weir::tests {
namespace {

class Maker {
public:
    Maker(Random& random, const Hints& hints) : random_(random), hints_(hints) {}
    Bytes frame();
    // Of one hello, in order but for a few.
    std::vector<Bytes> segments();

private:
    // What a policy compares with, or just beside it; or anything.
    std::uint64_t number(const char* field, std::uint64_t usual) {
        const auto found = hints_.numbers.find(is_inner_ ? "inner." + std::string(field) : std::string(field));
        if (found != hints_.numbers.end() && random_.below(3) != 0)
            return random_.of(found->second) + random_.below(3) - 1;
        return random_.one_in(6) ? random_.next() : usual;
    }
    template <typename T>
    T narrow(const char* field, std::uint64_t usual) {
        return static_cast<T>(number(field, usual));
    }
    std::uint16_t port(const char* a, const char* b, std::uint16_t usual) {
        return narrow<std::uint16_t>(random_.one_in(2) ? a : b, usual);
    }
    Bytes near(const std::vector<Bytes>& known, const Bytes& usual) {
        if (known.empty() || random_.one_in(3)) return usual;
        Bytes value = random_.of(known);
        if (random_.one_in(4)) value.back() = static_cast<std::uint8_t>(value.back() + random_.below(3) - 1);
        if (random_.one_in(8)) value[random_.below(value.size())] ^= static_cast<std::uint8_t>(1u << random_.below(8));
        return value;
    }
    Bytes payload();
    Bytes of_tcp();
    Bytes transport(unsigned protocol);
    Bytes inner(unsigned version);
    Bytes inner_ethernet();
    Bytes vxlan();
    Bytes gre();
    Bytes geneve();
    Bytes options();
    Bytes ip4_options();
    Bytes network4();
    Bytes network6();
    Bytes session();
    Bytes labelled();
    void damage(Bytes& frame);

    Random& random_;
    const Hints& hints_;
    bool is_inner_ = false;  // making the packet in the packet
};

Bytes Maker::payload() {
    Bytes bytes;
    if (random_.one_in(4)) return bytes;
    if (!hints_.payloads.empty() && random_.below(4) != 0) bytes = random_.of(hints_.payloads);
    if (random_.one_in(3)) bytes = Bytes(random_.one_in(8) ? random_.between(440, 515) : random_.below(4), 'a') + bytes;
    if (random_.one_in(3)) bytes = bytes + Bytes(random_.below(5), 'b');
    if (!bytes.empty() && random_.one_in(6))
        bytes[random_.below(bytes.size())] = static_cast<std::uint8_t>(random_.next());
    if (!bytes.empty() && random_.one_in(6)) bytes.pop_back();
    if (random_.one_in(12)) bytes.resize(number("payload.len", 30) % 1500, 'a');
    return bytes;
}

Bytes Maker::options() {
    if (random_.one_in(2)) return {};
    Bytes bytes;
    for (std::size_t i = random_.between(1, 4); i > 0; --i) {
        switch (random_.below(5)) {
            case 0: bytes.push_back(1); break;
            case 1: bytes = bytes + hex("0303") + Bytes{static_cast<std::uint8_t>(random_.next())}; break;
            case 2:
                bytes = bytes +
                        Bytes{static_cast<std::uint8_t>(random_.below(6)), static_cast<std::uint8_t>(random_.below(6))};
                break;
            default: bytes = bytes + hex("0204") + be16(number("tcp.mss", 1460)); break;
        }
    }
    bytes.resize((bytes.size() + 3) / 4 * 4);
    bytes.resize(std::min<std::size_t>(bytes.size(), 40));
    return bytes;
}

// A packet in the packet; in that one there is payload only.
Bytes Maker::inner(unsigned version) {
    if (is_inner_) return payload();
    is_inner_ = true;
    if (random_.one_in(20)) version = 10 - version;
    Bytes bytes = version == 4 ? network4() : network6();
    is_inner_ = false;
    if (random_.one_in(8)) bytes.resize(random_.below(bytes.size() + 1));
    return bytes;
}

Bytes Maker::inner_ethernet() {
    static const std::vector<std::uint16_t> kTags{0x8100, 0x88a8, 0x9100};
    Bytes bytes = hex("0200000000aa 0200000000bb");
    if (random_.one_in(4))
        for (std::size_t i = random_.between(1, 3); i > 0; --i)
            bytes = bytes + tag(random_.of(kTags), static_cast<std::uint16_t>(random_.next()));
    if (random_.one_in(12)) return bytes + be16(0x0806) + payload();
    const bool six = random_.one_in(3);
    return bytes + be16(six ? 0x86dd : 0x0800) + inner(six ? 6 : 4);
}

Bytes Maker::vxlan() {
    return Bytes{static_cast<std::uint8_t>(random_.one_in(8) ? random_.next() : 8), 0, 0, 0} +
           be32(number("vxlan.vni", 42) << 8) + inner_ethernet();
}

// Of the protocol types that are read, and another one.
Bytes Maker::gre() {
    std::uint64_t flags = random_.one_in(2) ? 0 : random_.below(8) << 13;
    if (random_.one_in(3)) flags |= 0x1000;
    if (random_.one_in(10)) flags |= random_.below(8);
    Bytes fields;
    if (flags & 0x8000) fields = fields + be32(random_.next());
    if (flags & 0x2000) fields = fields + be32(number("gre.key", 7));
    if (flags & 0x1000) fields = fields + be32(random_.next());
    const std::uint64_t kind = random_.below(8);
    const std::uint16_t type = kind < 3 ? 0x0800 : kind < 5 ? 0x86dd : kind < 7 ? 0x6558 : 0x880b;
    return be16(flags) + be16(type) + fields +
           (type == 0x0800   ? inner(4)
            : type == 0x86dd ? inner(6)
            : type == 0x6558 ? inner_ethernet()
                             : payload());
}

Bytes Maker::geneve() {
    const std::size_t options = random_.one_in(2) ? 0 : random_.below(5);
    const std::uint64_t announced = random_.one_in(10) ? random_.below(256) : options;
    const std::uint16_t type = random_.one_in(2) ? 0x6558 : random_.one_in(2) ? 0x0800 : 0x86dd;
    return be16(announced << 8) + be16(type) + be32(number("geneve.vni", 42) << 8) + zeros(4 * options) +
           (type == 0x6558 ? inner_ethernet() : inner(type == 0x0800 ? 4 : 6));
}

Bytes Maker::of_tcp() {
    if (random_.one_in(4)) return random_hello(random_, hints_);
    if (random_.one_in(3)) return random_head(random_, hints_);
    return payload();
}

Bytes Maker::transport(unsigned protocol) {
    switch (protocol) {
        case 4: return inner(4);
        case 41: return inner(6);
        case 47: return gre();
        case 6: {
            Tcp header;
            header.source = port("tcp.sport", "port.src", 4000);
            header.destination = port("tcp.dport", "port.dst", 80);
            header.seq = narrow<std::uint32_t>("tcp.seq", 1);
            header.ack = narrow<std::uint32_t>("tcp.ack_seq", 0);
            header.flags =
                random_.one_in(2) ? static_cast<std::uint8_t>(random_.next()) : narrow<std::uint8_t>("tcp.flags", 2);
            header.window = narrow<std::uint16_t>("tcp.window", 65535);
            header.options = options();
            if (random_.one_in(10)) header.offset = static_cast<int>(random_.below(16));
            return tcp(header, of_tcp());
        }
        case 17: {
            const std::uint64_t kind = is_inner_ ? 9 : random_.below(10);
            const Bytes body = kind < 2    ? vxlan()
                               : kind == 2 ? geneve()
                               : kind < 7  ? random_dns(random_, hints_)
                                           : payload();
            Udp header;
            header.source = port("udp.sport", "port.src", 4000);
            header.destination = port("udp.dport", "port.dst", 53);
            if (kind < 3) header.destination = kind < 2 ? 4789 : 6081;
            if (kind >= 3 && kind < 6) (random_.one_in(2) ? header.source : header.destination) = 53;
            if (random_.one_in(6))
                header.length = static_cast<int>(random_.one_in(2) ? number("udp.len", 8) & 0xffff
                                                                   : body.size() + random_.below(18));
            return udp(header, body);
        }
        case 132: return sctp(port("sctp.sport", "port.src", 4000), port("sctp.dport", "port.dst", 2905), payload());
        case 1:
        case 58: {
            const bool six = protocol == 58;
            if (!is_inner_ && random_.one_in(3)) {  // an error
                static const std::vector<std::uint8_t> kErrors{3, 3, 4, 5, 11, 12};
                Bytes about = inner(six ? 6 : 4);
                if (random_.one_in(2)) about.resize(std::min<std::size_t>(about.size(), random_.between(20, 60)));
                return icmp(six ? static_cast<std::uint8_t>(random_.below(130)) : random_.of(kErrors), 0, 0, 0, about);
            }
            const std::uint64_t usual = six ? 128 + random_.below(2) : random_.one_in(2) ? 8 : 0;
            return icmp(narrow<std::uint8_t>(six ? "icmp6.type" : "icmp.type", usual),
                        narrow<std::uint8_t>(six ? "icmp6.code" : "icmp.code", 0),
                        narrow<std::uint16_t>(six ? "icmp6.id" : "icmp.id", 1),
                        narrow<std::uint16_t>(six ? "icmp6.seq" : "icmp.seq", 1), payload());
        }
        default: return payload();
    }
}

Bytes Maker::ip4_options() {
    Bytes bytes;
    for (std::size_t i = random_.between(1, 4); i > 0; --i) {
        switch (random_.below(4)) {
            case 0: bytes.push_back(1); break;
            case 1: bytes = bytes + hex("94040000"); break;
            case 2:
                bytes = bytes + Bytes{static_cast<std::uint8_t>(random_.one_in(2) ? 131 : 137),
                                      static_cast<std::uint8_t>(random_.below(12))};
                break;
            default: bytes = bytes + hex(random_.one_in(2) ? "830704c0000201" : "890704c0000201"); break;
        }
    }
    bytes.resize((bytes.size() + 3) / 4 * 4);
    return bytes;
}

Bytes Maker::network4() {
    static const std::vector<unsigned> kProtocols{6, 6, 6, 17, 17, 1, 132, 58, 50, 51, 4, 41, 47};
    Ip4 header;
    header.protocol = static_cast<std::uint8_t>(random_.one_in(8) ? number("ip.proto", 6) : random_.of(kProtocols));
    header.source = near(hints_.addresses4, hex(kSource4));
    header.destination = near(hints_.addresses4, hex(kDestination4));
    header.ttl = narrow<std::uint8_t>("ip.ttl", 64);
    header.tos = static_cast<std::uint8_t>(number("ip.dscp", 0) << 2 | (number("ip.ecn", 0) & 3));
    header.id = narrow<std::uint16_t>("ip.id", 0x1234);
    if (random_.one_in(5))
        header.fragment = static_cast<std::uint16_t>(
            random_.one_in(2) ? random_.below(8) << 13 : number("ip.frag_offset", 8) / 8 | random_.below(8) << 13);
    if (random_.one_in(8)) {
        header.options = zeros(4 * random_.below(11));
        if (random_.one_in(2)) header.options = ip4_options();
        header.version_ihl = static_cast<std::uint8_t>(0x45 + header.options.size() / 4);
    }
    if (random_.one_in(25)) header.version_ihl = static_cast<std::uint8_t>(random_.next());
    const Bytes body = transport(header.protocol);
    if (random_.one_in(12))
        header.total =
            static_cast<int>(random_.one_in(3) ? number("ip.len", 40) & 0xffff : random_.below(body.size() + 45));
    return ip4(header, body);
}

Bytes Maker::network6() {
    static const std::vector<std::uint8_t> kProtocols{6, 6, 17, 17, 58, 132, 1, 50, 59, 4, 41, 47};
    static const std::vector<std::uint8_t> kExtensions{0, 43, 44, 44, 51, 60, 135, 139, 140};
    std::uint8_t next = static_cast<std::uint8_t>(random_.one_in(8) ? number("ip.proto", 6) : random_.of(kProtocols));
    Bytes body = transport(next);
    for (std::size_t i = random_.one_in(3) ? random_.between(1, random_.one_in(4) ? 10 : 3) : 0; i > 0; --i) {
        const std::uint8_t kind = random_.of(kExtensions);
        if (kind == 44) {
            const auto word =
                static_cast<std::uint16_t>(random_.one_in(2) ? random_.below(2) : number("ip.frag_offset", 8));
            body = fragment(next, word, narrow<std::uint32_t>("ip.id", 7)) + body;
        } else if (kind == 51) {
            body = authentication(next, 8 + 4 * random_.below(6)) + body;
        } else {
            body = extension(next, random_.between(1, 3)) + body;
            if (kind == 43) body[2] = narrow<std::uint8_t>("ip6.routing_type", 0);
        }
        if (random_.one_in(20)) body[1] = static_cast<std::uint8_t>(random_.next());
        next = kind;
    }
    Ip6 header;
    header.next = next;
    header.source = near(hints_.addresses6, hex(kSource6));
    header.destination = near(hints_.addresses6, hex(kDestination6));
    header.hops = narrow<std::uint8_t>("ip.ttl", 64);
    header.first =
        static_cast<std::uint32_t>(6u << 28 | (number("ip.dscp", 0) & 63) << 22 | (number("ip.ecn", 0) & 3) << 20 |
                                   (number("ip6.flow_label", 0) & 0xfffff));
    if (random_.one_in(30)) header.first ^= static_cast<std::uint32_t>(random_.next());
    if (random_.one_in(12)) header.length = static_cast<int>(random_.below(body.size() + 12));
    return ip6(header, body);
}

// Behind an EtherType of PPPoE.
Bytes Maker::session() {
    Pppoe header;
    const bool six = random_.one_in(2);
    header.ppp = random_.one_in(6) ? be16(random_.next()) : be16(six ? 0x57 : 0x21);
    if (random_.one_in(4)) header.ppp = {header.ppp[1]};
    header.session = narrow<std::uint16_t>("pppoe.session", 7);
    const Bytes body = six ? network6() : network4();
    if (random_.one_in(12)) header.version_type_code = static_cast<std::uint16_t>(random_.next() & 0x1303);
    if (random_.one_in(10)) header.length = static_cast<int>(random_.below(body.size() + 12));
    return pppoe(header, body);
}

// Behind one of MPLS.
Bytes Maker::labelled() {
    Bytes frame;
    for (std::size_t i = random_.one_in(12) ? 0 : random_.between(1, random_.one_in(4) ? 6 : 2); i > 0; --i)
        frame = frame + label(narrow<std::uint32_t>("mpls.label", 16) & 0xfffff,
                              i == 1 || random_.one_in(20) ? Stack::kBottom : Stack::kGoesOn);
    return frame + (random_.one_in(2) ? network6() : network4());
}

// Cuts, pads, turns bits.
void Maker::damage(Bytes& frame) {
    if (random_.one_in(10)) frame.resize(random_.below(frame.size() + 1));
    if (random_.one_in(12)) frame.resize(frame.size() + random_.between(1, 20), 'p');
    if (random_.one_in(10) && !frame.empty())
        for (std::size_t i = random_.between(1, 4); i > 0; --i)
            frame[random_.below(frame.size())] = static_cast<std::uint8_t>(random_.next());
    // The kernel's test run takes 14 bytes to about a page.
    if (frame.size() < 14 && random_.below(8) != 0) frame.resize(14);
    frame.resize(std::min<std::size_t>(frame.size(), 3400));
}

Bytes Maker::frame() {
    Bytes frame = near(hints_.macs, hex("020000000002")) + near(hints_.macs, hex("020000000001"));
    if (random_.one_in(4)) frame[0] |= 1;  // to a group
    if (random_.one_in(5)) {
        for (std::size_t i = random_.between(1, random_.one_in(6) ? 3 : 2); i > 0; --i)
            frame = frame +
                    tag(random_.one_in(2)   ? 0x8100
                        : random_.one_in(2) ? 0x88a8
                                            : 0x9100,
                        static_cast<std::uint16_t>((number("vlan.pcp", 0) & 7) << 13 | (number("vlan.id", 7) & 0xfff)));
    }
    switch (random_.below(14)) {
        case 12: frame = frame + be16(0x8864) + session(); break;
        case 13: frame = frame + be16(random_.one_in(4) ? 0x8848 : 0x8847) + labelled(); break;
        case 0: {
            Bytes front = hex("000108000604") + be16(number("arp.op", 1));
            if (random_.one_in(5)) front[random_.below(6)] = static_cast<std::uint8_t>(random_.next());
            frame = frame + be16(0x0806) + front + hex("020000000001") + near(hints_.addresses4, hex(kSource4)) +
                    zeros(6) + near(hints_.addresses4, hex(kDestination4));
            break;
        }
        case 1: frame = frame + be16(number("eth.type", random_.one_in(2) ? 60 : 0x88b5)) + payload(); break;
        case 2:
        case 3:
        case 4:
        case 5: frame = frame + be16(0x86dd) + network6(); break;
        default: frame = frame + be16(0x0800) + network4(); break;
    }
    damage(frame);
    return frame;
}

std::vector<Bytes> Maker::segments() {
    Bytes hello = random_hello(random_, hints_);
    const bool six = random_.one_in(3);
    Tcp header;
    header.source = static_cast<std::uint16_t>(random_.next());
    header.destination = 443;
    header.seq = static_cast<std::uint32_t>(random_.one_in(4) ? 0 - random_.below(60) : random_.next());
    header.flags = random_.one_in(6) ? 0x02 : 0x18;
    std::vector<Bytes> frames;
    const std::size_t wanted = random_.between(2, 4);
    while (!hello.empty()) {
        // The first one reaches the extensions, most of the time.
        const std::size_t least =
            frames.empty() && random_.below(6) != 0 ? std::min<std::size_t>(hello.size(), 100) : 0;
        const std::size_t bytes = frames.size() + 1 >= wanted ? hello.size() : random_.between(least, hello.size());
        const Bytes body(hello.begin(), hello.begin() + static_cast<std::ptrdiff_t>(bytes));
        hello.erase(hello.begin(), hello.begin() + static_cast<std::ptrdiff_t>(bytes));
        frames.push_back(six ? eth(0x86dd) + ip6({}, tcp(header, body)) : eth(0x0800) + ip4({}, tcp(header, body)));
        header.seq += static_cast<std::uint32_t>(bytes) + (header.flags & 2 ? 1 : 0);
        if (random_.below(8) != 0) header.flags = 0x10;
        if (random_.one_in(20)) header.seq += 1;
        frames.back().resize(std::min<std::size_t>(frames.back().size(), 3400));
        if (bytes == 0 && frames.size() > 8) break;
    }
    if (random_.one_in(10)) std::shuffle(frames.begin(), frames.end(), random_);
    if (random_.one_in(10) && !frames.empty()) frames.insert(frames.begin() + 1, Bytes(frames.front()));
    return frames;
}

}  // namespace

std::vector<Bytes> random_packets(Random& random, const Hints& hints, std::size_t count) {
    std::vector<Bytes> packets;
    while (packets.size() < count) {
        std::vector<Bytes> next;
        if (random.one_in(12))
            next = Maker(random, hints).segments();
        else
            next.push_back(Maker(random, hints).frame());
        packets.insert(packets.end(), next.begin(), next.end());
    }
    packets.resize(count);
    return packets;
}

Bytes random_packet(Random& random, const Hints& hints) { return Maker(random, hints).frame(); }

}  // namespace weir::tests
