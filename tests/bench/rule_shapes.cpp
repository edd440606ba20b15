#include "tests/bench/rule_shapes.h"

#include <fmt/format.h>

#include <algorithm>

#include "tests/support/random.h"

namespace weir::bench {
namespace {

constexpr std::array<std::string_view, 8> kNames{"exact", "acl",    "firewall", "ip6",
                                                 "wild",  "nested", "ranges",   "overlap"};
constexpr std::uint16_t kServices[] = {22,  25,  53,   80,   110,  123,  143,  161,  389, 443,
                                       445, 993, 1433, 1521, 3306, 3389, 5060, 8080, 8443};

std::uint32_t low_bits(std::uint32_t count) { return count >= 32 ? ~0u : (1u << count) - 1; }

// The network of `bits` bits around an IPv4 address.
AddressSpan network4(std::uint32_t address, std::uint32_t bits) {
    AddressSpan span;
    if (bits == 0) return span;
    const std::uint32_t host = low_bits(32 - bits);
    span.first[0] = address & ~host;
    span.last[0] = address | host;
    span.prefix_bits = bits;
    return span;
}
AddressSpan network6(const AddressWords& address, std::uint32_t bits) {
    AddressSpan span;
    if (bits == 0) return span;
    span.prefix_bits = bits;
    for (std::uint32_t i = 0; i < 4; ++i) {
        const std::uint32_t fixed = std::min(32u, bits > i * 32 ? bits - i * 32 : 0);
        const std::uint32_t host = low_bits(32 - fixed);
        span.first[i] = address[i] & ~host;
        span.last[i] = address[i] | host;
    }
    return span;
}

PortSpan exact_port(std::uint32_t port) { return {static_cast<std::uint16_t>(port), static_cast<std::uint16_t>(port)}; }

// Rules of one shape draw from few networks, so that they overlap as rules of people do.
class Maker {
public:
    Maker(Shape shape, std::uint32_t count, std::uint64_t seed) : shape_(shape), count_(count), random_(seed) {
        const std::uint32_t pool = std::max(8u, count / 24);
        for (std::uint32_t i = 0; i < pool; ++i) {
            sources_.push_back(random_.word());
            destinations_.push_back(0x0a000000u | random_.below32(1u << 24));
        }
    }

    ShapedRule rule(std::uint32_t number) {
        ShapedRule made;
        made.drops = random_.one_in(2);
        switch (shape_) {
            case Shape::kExact: exact(made); break;
            case Shape::kAcl: acl(made); break;
            case Shape::kFirewall: firewall(made); break;
            case Shape::kIp6: ip6(made); break;
            case Shape::kWild: wild(made); break;
            case Shape::kNested: nested(made, number); break;
            case Shape::kRanges: ranges(made); break;
            case Shape::kOverlap: overlap(made, number); break;
        }
        return made;
    }

private:
    std::uint32_t one_of(const std::vector<std::uint32_t>& pool) {
        return pool[random_.below32(static_cast<std::uint32_t>(pool.size()))];
    }
    std::uint32_t service() { return kServices[random_.below32(std::size(kServices))]; }
    // One of `bits` and a host within one of the pool's /20 networks.
    AddressSpan near(const std::vector<std::uint32_t>& pool, std::uint32_t bits) {
        return network4((one_of(pool) & 0xfffff000u) | random_.below32(1u << 12), bits);
    }
    PortSpan port_range() {
        if (random_.one_in(2)) return {1024, 65535};
        const std::uint32_t first = random_.below32(60000);
        return {static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(first + random_.below32(5000))};
    }
    void any_transport(ShapedRule& made) {
        const std::uint32_t roll = random_.below32(10);
        made.transport = roll < 6 ? Transport::kTcp : roll < 9 ? Transport::kUdp : Transport::kIcmp;
    }
    bool has_ports(const ShapedRule& made) const {
        return made.transport == Transport::kTcp || made.transport == Transport::kUdp;
    }

    void exact(ShapedRule& made) {
        made.source = network4(random_.word(), 32);
        made.destination = near(destinations_, 32);
        made.transport = random_.one_in(3) ? Transport::kUdp : Transport::kTcp;
        made.source_port = exact_port(1024 + random_.below32(64000));
        made.destination_port = exact_port(service());
    }
    void acl(ShapedRule& made) {
        constexpr std::uint32_t kSourceBits[] = {0, 8, 16, 20, 24, 24, 28, 32, 32, 32};
        constexpr std::uint32_t kDestinationBits[] = {16, 24, 24, 27, 29, 32, 32, 32, 32, 32};
        made.source = near(sources_, kSourceBits[random_.below32(10)]);
        made.destination = near(destinations_, kDestinationBits[random_.below32(10)]);
        any_transport(made);
        if (!has_ports(made)) return;
        const std::uint32_t roll = random_.below32(10);
        if (roll < 6)
            made.destination_port = exact_port(service());
        else if (roll < 7)
            made.destination_port = exact_port(random_.below32(65536));
        else if (roll < 9)
            made.destination_port = port_range();
    }
    void firewall(ShapedRule& made) {
        constexpr std::uint32_t kSourceBits[] = {0, 0, 0, 0, 8, 16, 16, 24, 32, 32};
        constexpr std::uint32_t kDestinationBits[] = {0, 0, 0, 16, 20, 24, 24, 28, 32, 32};
        made.source = near(sources_, kSourceBits[random_.below32(10)]);
        made.destination = near(destinations_, kDestinationBits[random_.below32(10)]);
        // A rule for everything would leave nothing to those after it.
        const bool wide = made.source.prefix_bits < 16 && made.destination.prefix_bits < 16;
        if (wide) {
            made.transport = random_.one_in(2) ? Transport::kUdp : Transport::kTcp;
            made.destination_port = exact_port(random_.below32(65536));
            return;
        }
        if (!random_.one_in(5)) any_transport(made);
        if (!has_ports(made)) return;
        if (random_.one_in(4)) made.source_port = random_.one_in(2) ? port_range() : exact_port(service());
        const std::uint32_t roll = random_.below32(10);
        if (roll < 4)
            made.destination_port = exact_port(service());
        else if (roll < 7)
            made.destination_port = port_range();
    }
    AddressWords address6(std::uint32_t network) {
        return {0x20010db8u, network, random_.below32(16), random_.below32(4096)};
    }
    void ip6(ShapedRule& made) {
        constexpr std::uint32_t kSourceBits[] = {0, 32, 48, 56, 64, 64, 64, 96, 128, 128};
        constexpr std::uint32_t kDestinationBits[] = {48, 64, 64, 64, 112, 128, 128, 128, 128, 128};
        made.is_ip6 = true;
        made.source = network6(address6(one_of(sources_)), kSourceBits[random_.below32(10)]);
        made.destination = network6(address6(one_of(destinations_)), kDestinationBits[random_.below32(10)]);
        made.transport = random_.one_in(3) ? Transport::kUdp : Transport::kTcp;
        const std::uint32_t roll = random_.below32(10);
        if (roll < 6)
            made.destination_port = exact_port(service());
        else if (roll < 8)
            made.destination_port = port_range();
    }
    void wild(ShapedRule& made) {
        switch (random_.below32(4)) {
            case 0: made.source = network4(random_.word(), 32); break;
            case 1: made.destination = network4(random_.word(), 8 + random_.below32(25)); break;
            case 2:
                made.transport = random_.one_in(2) ? Transport::kUdp : Transport::kTcp;
                made.destination_port = exact_port(random_.below32(65536));
                break;
            default:
                made.transport = random_.one_in(2) ? Transport::kUdp : Transport::kTcp;
                made.source_port = exact_port(random_.below32(65536));
        }
    }
    // Longest prefixes first: 32 levels of source within 32 of destination, around a few addresses.
    void nested(ShapedRule& made, std::uint32_t number) {
        const std::uint32_t level = static_cast<std::uint32_t>(std::uint64_t{number} * 24 / std::max(count_, 1u));
        made.source = network4(one_of(sources_), 32 - level);
        made.destination = network4(one_of(destinations_), std::clamp(32 - level + random_.below32(5) - 2, 8u, 32u));
    }
    AddressSpan address_range(std::uint32_t around) {
        AddressSpan span;
        span.first[0] = around & 0xfffffff0u;
        span.last[0] = std::max(span.first[0], span.first[0] + 1 + random_.below32(1u << random_.below32(20)));
        span.first[0] += random_.below32(2);
        if (span.last[0] < span.first[0]) span.last[0] = ~0u;
        span.prefix_bits = kNoPrefix;
        return span;
    }
    void ranges(ShapedRule& made) {
        made.source = address_range(one_of(sources_));
        made.destination = address_range(one_of(destinations_));
        made.transport = random_.one_in(2) ? Transport::kUdp : Transport::kTcp;
        made.source_port = port_range();
        made.destination_port = port_range();
    }
    // One of four sides is narrow, the others are wide: any two rules have packets in common.
    void overlap(ShapedRule& made, std::uint32_t number) {
        made.transport = Transport::kTcp;
        const auto step = static_cast<std::uint16_t>(1 + number % 30000);
        switch (number % 4) {
            case 0: made.source_port = {step, static_cast<std::uint16_t>(65535 - step)}; break;
            case 1: made.destination_port = {step, static_cast<std::uint16_t>(65535 - step)}; break;
            case 2:
                made.source = address_range(0x30000000u);
                made.source.last[0] = 0xc0000000u + number;
                break;
            default: made.destination = address_range(0x08000000u); made.destination.last[0] = 0xc0000000u + number;
        }
    }

    Shape shape_;
    std::uint32_t count_;
    tests::Random random_;
    std::vector<std::uint32_t> sources_;
    std::vector<std::uint32_t> destinations_;
};

std::string address_text(const AddressWords& words, bool is_ip6) {
    if (!is_ip6)
        return fmt::format("{}.{}.{}.{}", words[0] >> 24, words[0] >> 16 & 255, words[0] >> 8 & 255, words[0] & 255);
    std::string text;
    for (const std::uint32_t word : words)
        text += fmt::format("{}{:x}:{:x}", text.empty() ? "" : ":", word >> 16, word & 0xffff);
    return text;
}
std::string span_text(std::string_view field, const AddressSpan& span, bool is_ip6) {
    const std::uint32_t whole = is_ip6 ? 128 : 32;
    if (span.prefix_bits == 0) return "";
    const std::string first = address_text(span.first, is_ip6);
    if (span.prefix_bits == kNoPrefix)
        return fmt::format("{} in {}..{}", field, first, address_text(span.last, is_ip6));
    if (span.prefix_bits == whole) return fmt::format("{} == {}", field, first);
    return fmt::format("{} in {}/{}", field, first, span.prefix_bits);
}
std::string port_text(std::string_view field, const PortSpan& span) {
    if (span.first == 0 && span.last == 0xffff) return "";
    if (span.first == span.last) return fmt::format("{} == {}", field, span.first);
    return fmt::format("{} in {}..{}", field, span.first, span.last);
}

}  // namespace

const std::array<std::string_view, 8>& shape_names() { return kNames; }

std::optional<Shape> shape_named(std::string_view name) {
    const auto found = std::find(kNames.begin(), kNames.end(), name);
    if (found == kNames.end()) return std::nullopt;
    return static_cast<Shape>(found - kNames.begin());
}

std::vector<ShapedRule> make_rules(Shape shape, std::uint32_t count, std::uint64_t seed) {
    Maker maker(shape, count, seed);
    std::vector<ShapedRule> rules;
    rules.reserve(count);
    for (std::uint32_t i = 0; i < count; ++i) rules.push_back(maker.rule(i));
    return rules;
}

std::string policy_text(const std::vector<ShapedRule>& rules, std::string_view name) {
    std::string text = fmt::format("policy {}\ndefault pass\n", name);
    for (std::size_t i = 0; i < rules.size(); ++i) {
        const ShapedRule& rule = rules[i];
        std::string condition;
        const auto also = [&](const std::string& part) {
            if (!part.empty()) condition += (condition.empty() ? "" : " and ") + part;
        };
        also(span_text("ip.src", rule.source, rule.is_ip6));
        also(span_text("ip.dst", rule.destination, rule.is_ip6));
        const bool tcp = rule.transport == Transport::kTcp, udp = rule.transport == Transport::kUdp;
        const std::string source = port_text(tcp ? "tcp.sport" : "udp.sport", rule.source_port);
        const std::string destination = port_text(tcp ? "tcp.dport" : "udp.dport", rule.destination_port);
        if (tcp || udp) {
            also(source);
            also(destination);
            if (source.empty() && destination.empty()) also(tcp ? "tcp" : "udp");
        } else if (rule.transport == Transport::kIcmp) {
            also(rule.is_ip6 ? "icmp6" : "icmp");
        }
        text += fmt::format("rule r{} {{ when {} then {} }}\n", i,
                            condition.empty() ? rule.is_ip6 ? "ip6" : "ip4" : condition, rule.drops ? "drop" : "pass");
    }
    return text;
}

}  // namespace weir::bench
