#include "tests/analysis/shape.h"

namespace weir::tests {
namespace {

Bytes transport(const Shape& shape) {
    const bool is_echo_family = shape.protocol == (shape.version == 4 ? 1 : 58);
    Bytes bytes;
    if (shape.protocol == 6)
        bytes = tcp({.source = shape.source,
                     .destination = shape.destination,
                     .seq = shape.seq,
                     .ack = shape.ack,
                     .offset = shape.tcp_offset,
                     .flags = shape.flags,
                     .window = shape.window,
                     .options = shape.tcp_options},
                    shape.payload);
    else if (shape.protocol == 17)
        bytes =
            udp({.source = shape.source, .destination = shape.destination, .length = shape.udp_length}, shape.payload);
    else if (shape.protocol == 132)
        bytes = sctp(shape.source, shape.destination, shape.payload);
    else if (is_echo_family)
        bytes = icmp(shape.type, shape.code, shape.icmp_id, shape.icmp_seq, shape.payload);
    else
        bytes = shape.payload;
    if (shape.fault == Shape::Fault::kTransportCut) bytes.resize(std::min<std::size_t>(bytes.size(), 7));
    return bytes;
}

Bytes extension_of(const Shape& shape, std::uint8_t number, std::uint8_t next) {
    if (number == 51) return authentication(next, 12);
    Bytes bytes = extension(next);
    if (number == 43) bytes[2] = shape.routing_type;
    bytes[1] = shape.extension_words;
    return bytes + zeros(8u * shape.extension_words);
}

Bytes datagram6(const Shape& shape) {
    const bool is_fragment = shape.has_fragment_header || shape.more || shape.offset != 0;
    std::vector<std::uint8_t> chain = shape.extensions;
    if (is_fragment) chain.push_back(44);
    Bytes body = transport(shape);
    std::uint8_t next = shape.protocol;
    if (shape.fault == Shape::Fault::kExtensions) {
        body = Bytes{6, 9} + zeros(4);
        next = 60;
    }
    for (std::size_t i = chain.size(); i-- > 0;) {
        const auto words = static_cast<std::uint16_t>((shape.offset & 0xfff8) | (shape.more ? 1 : 0));
        body = (chain[i] == 44 ? fragment(next, words, shape.id) : extension_of(shape, chain[i], next)) + body;
        next = chain[i];
    }
    Ip6 header;
    header.first = 0x60000000u | std::uint32_t{shape.tos} << 20 | shape.flow_label;
    header.next = next;
    header.hops = shape.ttl;
    header.source = shape.source6;
    header.destination = shape.destination6;
    if (shape.fault == Shape::Fault::kIpVersion) header.first ^= 0x30000000u;
    if (shape.fault == Shape::Fault::kIpLength) header.length = static_cast<int>(body.size() + shape.padding + 1);
    return ip6(header, body);
}

Bytes datagram4(const Shape& shape) {
    Ip4 header;
    header.version_ihl = static_cast<std::uint8_t>(0x45 + shape.options.size() / 4);
    header.tos = shape.tos;
    header.id = shape.id;
    header.fragment =
        static_cast<std::uint16_t>((shape.dont_fragment ? 0x4000 : 0) | (shape.more ? 0x2000 : 0) | shape.offset / 8);
    header.ttl = shape.ttl;
    header.protocol = shape.protocol;
    header.source = shape.source4;
    header.destination = shape.destination4;
    header.options = shape.options;
    const Bytes body = transport(shape);
    if (shape.fault == Shape::Fault::kIpVersion) header.version_ihl ^= 0x30;
    if (shape.fault == Shape::Fault::kIpLength)
        header.total = static_cast<int>(20 + shape.options.size() + body.size() + shape.padding + 1);
    return ip4(header, body);
}

Bytes labels(int count) {
    Bytes bytes;
    for (int i = 1; i <= count; ++i)
        bytes = bytes + label(static_cast<std::uint32_t>(15 + i), i == count ? Stack::kBottom : Stack::kGoesOn);
    return bytes;
}

}  // namespace

Bytes datagram_of(const Shape& shape) {
    Bytes bytes = shape.version == 4 ? datagram4(shape) : datagram6(shape);
    if (shape.fault == Shape::Fault::kIpCut) bytes.resize(shape.version == 4 ? 19 : 39);
    return bytes + zeros(shape.padding);
}

Bytes frame_of(const Shape& shape) {
    Bytes link = shape.eth_destination + shape.eth_source;
    for (int i = 0; i < shape.tags; ++i)
        link = link + tag(i == 0 && shape.tags > 1 ? 0x88a8 : 0x8100, static_cast<std::uint16_t>(shape.tci + 256 * i));
    if (shape.tag_cut) return link;  // the EtherType that it announces is not there
    if (shape.other_type >= 0) return link + be16(static_cast<std::uint64_t>(shape.other_type)) + zeros(46);
    const Bytes body = datagram_of(shape);
    if (shape.link == Shape::Link::kPppoe)
        return link + be16(0x8864) + pppoe({.ppp = be16(shape.version == 4 ? 0x0021 : 0x0057)}, body);
    if (shape.link == Shape::Link::kMpls) return link + be16(0x8847) + labels(shape.labels) + body;
    return link + be16(shape.version == 4 ? 0x0800 : 0x86dd) + body;
}

Bytes arp_frame(std::uint16_t operation, const Bytes& sender, const Bytes& target) {
    return eth(0x0806) + hex("000108000604") + be16(operation) + hex("020000000001") + sender + zeros(6) + target;
}

std::vector<Shape> ip_shapes() {
    std::vector<Shape> shapes;
    const std::vector<std::vector<std::uint8_t>> chains = {{}, {0}, {60}, {43}, {51}, {0, 43, 60}};
    for (const int version : {4, 6})
        for (const int protocol : {0, 1, 4, 6, 17, 41, 47, 50, 58, 59, 89, 132})
            for (const int fragment : {0, 1, 2, 3, 4})  // none, first, one between, last, atomic
                for (std::size_t behind = 0; behind < (version == 4 ? 3u : chains.size()); ++behind)
                    for (const auto fault :
                         {Shape::Fault::kNone, Shape::Fault::kTransportCut, Shape::Fault::kExtensions}) {
                        Shape shape;
                        if (version == 4 && (fragment == 4 || fault == Shape::Fault::kExtensions)) continue;
                        if (version == 6 && protocol == 0) continue;  // that is an extension header
                        shape.version = version;
                        shape.protocol = static_cast<std::uint8_t>(protocol);
                        shape.more = fragment == 1 || fragment == 2;
                        shape.offset = fragment == 2 || fragment == 3 ? 1480 : 0;
                        shape.has_fragment_header = fragment == 4;
                        if (version == 6)
                            shape.extensions = chains[behind];
                        else if (behind != 0)
                            shape.options = behind == 1 ? hex("01010101") : hex("830704c0000201 00");
                        shape.fault = fault;
                        shape.type = version == 4 ? 8 : 128;
                        shapes.push_back(shape);
                    }
    return shapes;
}

std::vector<Bytes> all_shapes() {
    std::vector<Bytes> frames = {{}, hex("0200"), zeros(13)};
    for (const Shape& shape : ip_shapes()) frames.push_back(frame_of(shape));
    for (int tags = 0; tags <= 3; ++tags) {
        Shape at_link;
        at_link.tags = tags;
        for (const int type : {0x0000, 0x05dc, 0x05ff, 0x0600, 0x88cc, 0x8863, 0xffff}) {
            at_link.other_type = type;
            frames.push_back(frame_of(at_link));
        }
        at_link.other_type = -1;
        at_link.tag_cut = tags != 0;
        if (tags != 0) frames.push_back(frame_of(at_link));
        at_link.tag_cut = false;
        for (const int version : {4, 6})
            for (const int link : {0, 1, 2, 3, 4})
                for (const auto fault : {Shape::Fault::kNone, Shape::Fault::kIpCut, Shape::Fault::kIpVersion,
                                         Shape::Fault::kIpLength, Shape::Fault::kTransportCut}) {
                    Shape shape = at_link;
                    shape.version = version;
                    shape.link = link == 0 ? Shape::Link::kPlain : link == 1 ? Shape::Link::kPppoe : Shape::Link::kMpls;
                    shape.labels = link == 2 ? 1 : link == 3 ? 4 : 5;
                    shape.fault = fault;
                    frames.push_back(frame_of(shape));
                    shape.protocol = 17;
                    frames.push_back(frame_of(shape));
                }
        const Bytes tags_of = [&] {
            Bytes bytes = frame_of(at_link);
            bytes.resize(12 + 4u * static_cast<std::size_t>(tags));
            return bytes;
        }();
        for (const char* body : {"0806 00010800060400010200000000 01c6336407000000000000c0000201",
                                 "0806 00010800060400", "0806 000108000604000102000000", "0806 00060800060400010000",
                                 "0806 0006080006040002", "8864 1100000700", "8864 1200000700020021",
                                 "8864 110000070002c021", "8847 000100", "8847 0001014000", "8847 00010040", "0800 45"})
            frames.push_back(tags_of + hex(body));
    }
    return frames;
}

}  // namespace weir::tests
