// Frames on and beside the boundaries of rules.
#include <algorithm>

#include "tests/bench/rule_shapes.h"
#include "tests/support/random.h"

namespace weir::bench {
namespace {

constexpr std::size_t kFrameBytes = 60;  // the least that Ethernet sends, without its checksum

struct FrameFields {
    bool is_ip6 = false;
    AddressWords source{};
    AddressWords destination{};
    Transport transport = Transport::kTcp;
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
};

void put16(std::vector<std::uint8_t>& frame, std::size_t at, std::uint32_t value) {
    frame[at] = static_cast<std::uint8_t>(value >> 8);
    frame[at + 1] = static_cast<std::uint8_t>(value);
}
void put32(std::vector<std::uint8_t>& frame, std::size_t at, std::uint32_t value) {
    put16(frame, at, value >> 16);
    put16(frame, at + 2, value);
}

std::uint8_t protocol(const FrameFields& fields) {
    switch (fields.transport) {
        case Transport::kTcp: return 6;
        case Transport::kUdp: return 17;
        case Transport::kIcmp: return fields.is_ip6 ? 58 : 1;
        case Transport::kAny: break;
    }
    return 47;
}

std::vector<std::uint8_t> frame_of(const FrameFields& fields) {
    const std::size_t ip_bytes = fields.is_ip6 ? 40 : 20, at = 14, transport = at + ip_bytes;
    std::vector<std::uint8_t> frame(std::max(kFrameBytes, transport + 20));
    const std::size_t datagram = frame.size() - at;
    put16(frame, 12, fields.is_ip6 ? 0x86dd : 0x0800);
    if (fields.is_ip6) {
        frame[at] = 0x60;
        put16(frame, at + 4, static_cast<std::uint32_t>(datagram - ip_bytes));
        frame[at + 6] = protocol(fields);
        frame[at + 7] = 64;
        for (std::size_t i = 0; i < 4; ++i) {
            put32(frame, at + 8 + 4 * i, fields.source[i]);
            put32(frame, at + 24 + 4 * i, fields.destination[i]);
        }
    } else {
        frame[at] = 0x45;
        put16(frame, at + 2, static_cast<std::uint32_t>(datagram));
        frame[at + 8] = 64;
        frame[at + 9] = protocol(fields);
        put32(frame, at + 12, fields.source[0]);
        put32(frame, at + 16, fields.destination[0]);
    }
    if (fields.transport == Transport::kTcp || fields.transport == Transport::kUdp) {
        put16(frame, transport, fields.source_port);
        put16(frame, transport + 2, fields.destination_port);
    }
    if (fields.transport == Transport::kTcp) {
        frame[transport + 12] = 0x50;
        frame[transport + 13] = 0x02;
    }
    if (fields.transport == Transport::kUdp)
        put16(frame, transport + 4, static_cast<std::uint32_t>(datagram - ip_bytes));
    if (fields.transport == Transport::kIcmp) frame[transport] = 3;
    return frame;
}

class FrameMaker {
public:
    FrameMaker(const std::vector<ShapedRule>& rules, std::uint64_t seed) : rules_(rules), random_(seed) {}

    std::vector<std::uint8_t> frame() {
        const ShapedRule& rule = rules_[random_.below32(static_cast<std::uint32_t>(rules_.size()))];
        FrameFields fields = inside(rule);
        switch (random_.below32(8)) {
            case 0:
            case 1: beside(rule, fields); break;
            case 2: mix(fields); break;
            case 3:
                if (random_.one_in(2)) anywhere(fields);
                break;
            default: break;
        }
        return frame_of(fields);
    }

private:
    // On a corner, or within. Without a prefix any address of the version will do.
    AddressWords address_in(const AddressSpan& span, bool is_ip6) {
        AddressWords words{};
        const std::uint32_t roll = random_.below32(4);
        if (span.prefix_bits == 0) {
            for (std::size_t i = 0; i < (is_ip6 ? 4u : 1u); ++i) words[i] = random_.word();
            return words;
        }
        if (roll == 0) return span.first;
        if (roll == 1) return span.last;
        for (std::size_t i = 0; i < 4; ++i) {
            const std::uint32_t room = span.last[i] - span.first[i];
            words[i] = span.first[i] + (room == ~0u ? random_.word() : random_.below32(room + 1));
        }
        return words;
    }
    std::uint16_t port_in(const PortSpan& span) {
        const std::uint32_t roll = random_.below32(4);
        if (roll == 0) return span.first;
        if (roll == 1) return span.last;
        return static_cast<std::uint16_t>(span.first +
                                          random_.below32(static_cast<std::uint32_t>(span.last - span.first) + 1));
    }
    FrameFields inside(const ShapedRule& rule) {
        FrameFields fields;
        fields.is_ip6 = rule.is_ip6;
        fields.source = address_in(rule.source, rule.is_ip6);
        fields.destination = address_in(rule.destination, rule.is_ip6);
        constexpr Transport kAll[] = {Transport::kTcp, Transport::kUdp, Transport::kIcmp, Transport::kAny};
        fields.transport = rule.transport == Transport::kAny ? kAll[random_.below32(4)] : rule.transport;
        fields.source_port = port_in(rule.source_port);
        fields.destination_port = port_in(rule.destination_port);
        return fields;
    }
    static void step(AddressWords& words, bool is_ip6, std::uint32_t by) {
        for (std::size_t i = is_ip6 ? 4 : 1; i-- > 0;) {
            words[i] += by;
            if (words[i] != (by == 1 ? 0 : ~0u)) return;
        }
    }
    // One step out of the rule on one side.
    void beside(const ShapedRule& rule, FrameFields& fields) {
        const bool up = random_.one_in(2);
        const std::uint32_t by = up ? 1 : ~0u;
        switch (random_.below32(5)) {
            case 0:
                if (rule.source.prefix_bits != 0) fields.source = up ? rule.source.last : rule.source.first;
                return step(fields.source, fields.is_ip6, by);
            case 1:
                if (rule.destination.prefix_bits != 0)
                    fields.destination = up ? rule.destination.last : rule.destination.first;
                return step(fields.destination, fields.is_ip6, by);
            case 2:
                fields.source_port =
                    static_cast<std::uint16_t>((up ? rule.source_port.last : rule.source_port.first) + by);
                return;
            case 3:
                fields.destination_port =
                    static_cast<std::uint16_t>((up ? rule.destination_port.last : rule.destination_port.first) + by);
                return;
            default: fields.transport = fields.transport == Transport::kTcp ? Transport::kUdp : Transport::kTcp;
        }
    }
    // One side of this rule, the other of another one.
    void mix(FrameFields& fields) {
        const ShapedRule& other = rules_[random_.below32(static_cast<std::uint32_t>(rules_.size()))];
        if (other.is_ip6 != fields.is_ip6) return;
        if (random_.one_in(2))
            fields.destination = address_in(other.destination, other.is_ip6);
        else
            fields.destination_port = port_in(other.destination_port);
    }
    void anywhere(FrameFields& fields) {
        for (std::size_t i = 0; i < (fields.is_ip6 ? 4u : 1u); ++i) {
            fields.source[i] = random_.word();
            fields.destination[i] = random_.word();
        }
        fields.source_port = static_cast<std::uint16_t>(random_.below32(65536));
        fields.destination_port = static_cast<std::uint16_t>(random_.below32(65536));
    }

    const std::vector<ShapedRule>& rules_;
    tests::Random random_;
};

}  // namespace

std::vector<std::vector<std::uint8_t>> make_frames(const std::vector<ShapedRule>& rules, std::uint32_t count,
                                                   std::uint64_t seed) {
    FrameMaker maker(rules, seed);
    std::vector<std::vector<std::uint8_t>> frames;
    frames.reserve(count);
    for (std::uint32_t i = 0; i < count && !rules.empty(); ++i) frames.push_back(maker.frame());
    return frames;
}

}  // namespace weir::bench
