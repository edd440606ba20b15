// A domain of lengths: of the frame, of the datagram in it, and of what is in that.
#include "tests/analysis/domains.h"
#include "tests/analysis/shape.h"

namespace weir::tests {
namespace {

// Around each length that a comparison names. What is in the datagram adds its own.
constexpr std::size_t kFrames[] = {59, 60, 61, 1513, 1514, 1515, 1600};
constexpr std::size_t kDatagrams[] = {39, 40, 41, 60, 200, 575, 576, 577, 600, 800};
constexpr std::size_t kPayloads[] = {0, 1, 511, 512, 513};
constexpr int kUdpLengths[] = {8, 9, 63, 64, 65, 300, 519, 520, 521, 1000};

// The shape's datagram with padding behind it.
void add_padded(Domain& domain, Shape shape) {
    const std::size_t bytes = frame_of(shape).size();
    domain.sent.push_back({.frame = frame_of(shape)});
    for (const std::size_t frame : kFrames) {
        if (frame <= bytes) continue;
        shape.padding = frame - bytes;
        domain.sent.push_back({.frame = frame_of(shape)});
    }
}

// With so many bytes behind all headers that a length is at a boundary.
void add_filled(Domain& domain, Shape shape) {
    const std::size_t headers = datagram_of(shape).size(), least = frame_of(shape).size();
    std::vector<std::size_t> fillings(std::begin(kPayloads), std::end(kPayloads));
    for (const std::size_t datagram : kDatagrams)
        if (datagram > headers) fillings.push_back(datagram - headers);
    for (const std::size_t frame : kFrames)
        if (frame > least) fillings.push_back(frame - least);
    for (const std::size_t filling : fillings) {
        shape.payload = zeros(filling);
        if (shape.protocol != 17 || shape.offset != 0) {
            add_padded(domain, shape);
            continue;
        }
        for (const int length : kUdpLengths) {
            const bool is_beyond = static_cast<std::size_t>(length) > 8 + filling;
            if (is_beyond && !shape.more) break;
            shape.udp_length = length;
            add_padded(domain, shape);
        }
        shape.udp_length = -1;
        add_padded(domain, shape);
    }
}

// The lengths of datagram and payload at a boundary at once, where options or an extension header between them can be
// as long as that takes.
void add_both_lengths(Domain& domain, Shape shape) {
    constexpr std::size_t kMostOptions = 40;
    const std::size_t headers = datagram_of(shape).size();
    for (const std::size_t datagram : kDatagrams)
        for (const std::size_t payload : kPayloads) {
            if (datagram <= headers + payload) continue;
            const std::size_t between = datagram - headers - payload;
            if (between % (shape.version == 4 ? 4 : 8) != 0) continue;
            if (shape.version == 4 && between > kMostOptions) continue;
            Shape exact = shape;
            exact.payload = zeros(payload);
            if (shape.version == 4)
                exact.options = Bytes(between, 1);
            else
                exact.extensions = {60}, exact.extension_words = static_cast<std::uint8_t>(between / 8 - 1);
            add_padded(domain, exact);
        }
}

// Each version with and without options, whole and as a first fragment.
void add_versions(Domain& domain, Shape shape) {
    for (const int version : {4, 6})
        for (const bool more : {false, true}) {
            shape.version = version;
            shape.more = more;
            add_both_lengths(domain, shape);
        }
    for (const bool more : {false, true})
        for (const std::size_t options : {0, 4, 16, 40}) {
            shape.version = 4;
            shape.more = more;
            shape.options = Bytes(options, 1);
            add_filled(domain, shape);
        }
    shape.options.clear();
    for (const bool more : {false, true})
        for (const std::size_t extensions : {0, 1, 4}) {
            shape.version = 6;
            shape.more = more;
            shape.extensions = std::vector<std::uint8_t>(extensions, 60);
            add_filled(domain, shape);
        }
    shape.extensions = {60};
    for (const bool more : {false, true})
        for (const std::uint8_t words :
             Bytes{58, 59, 60, 61, 62, 63, 64, 66, 80}) {  // longer than a boundary by themselves
            shape.more = more;
            shape.extension_words = words;
            add_filled(domain, shape);
        }
}

void add_tcp(Domain& domain) {
    for (const char* options : {"", "01010101", "02040217", "02040218", "02040219"})
        for (const std::size_t bytes : {4, 36, 40}) {
            Shape shape;
            shape.tcp_options = hex(options);
            if (shape.tcp_options.empty() && bytes != 4) continue;
            if (!shape.tcp_options.empty()) shape.tcp_options.resize(bytes, 1);
            add_versions(domain, shape);
        }
}

// Frames without IP, and with a header at fault.
void add_others(Domain& domain) {
    for (const Bytes& frame : all_shapes()) domain.sent.push_back({.frame = frame});
    for (const std::size_t bytes : kFrames) {
        Shape other;
        other.other_type = 0x88cc;
        Bytes frame = frame_of(other);
        frame.resize(bytes);
        domain.sent.push_back({.frame = frame});
    }
    for (const int version : {4, 6}) {
        Shape shape;
        shape.version = version;
        shape.fault = Shape::Fault::kIpVersion;
        add_filled(domain, shape);
    }
    // Ends in the TCP header before the shortest boundary of frames.
    for (const int version : {4, 6}) {
        Shape shape;
        shape.version = version;
        shape.protocol = 89;
        shape.payload = zeros(5);
        Bytes frame = frame_of(shape);
        frame[14 + (version == 4 ? 9 : 6)] = 6;
        domain.sent.push_back({.frame = frame});
    }
    Shape shape;
    shape.tcp_offset = 0;
    add_versions(domain, shape);
    shape.tcp_offset = -1;
    shape.fault = Shape::Fault::kTransportCut;
    add_versions(domain, shape);
    Shape later;
    later.offset = 1480;
    add_versions(domain, later);
}

}  // namespace

Domain length_domain() {
    Domain domain{.name = "length"};
    for (const char* name : {"ip4", "ip6", "tcp", "udp", "icmp", "malformed"}) domain.atoms.push_back(flag(name));
    add_numbers(domain.atoms, "packet.len", {60, 1514}, "< >= == >");
    add_numbers(domain.atoms, "ip.len", {40, 576}, "< >= == >");
    add_numbers(domain.atoms, "payload.len", {0, 512}, "== > <=");
    add_numbers(domain.atoms, "udp.len", {8, 64}, "< >= == >");
    add_numbers(domain.atoms, "tcp.header_len", {20, 60}, "== < >");
    add_numbers(domain.atoms, "tcp.mss", {536}, "== != <");
    domain.keys = {"payload.len", "udp.len"};
    add_others(domain);
    add_tcp(domain);
    for (const std::uint8_t protocol : Bytes{1, 17, 58, 89, 132}) {
        Shape shape;
        shape.protocol = protocol;
        add_versions(domain, shape);
    }
    return domain;
}

}  // namespace weir::tests
