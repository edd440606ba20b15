// Small domains, whole.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "tests/support/table.h"

using namespace weir;
using namespace weir::tests;

namespace {

// Every condition as an observed rule of its own; what each is for each frame.
void check_all(const std::vector<std::string>& conditions, const std::vector<Bytes>& frames, const auto& expected) {
    std::string policy;
    for (std::size_t i = 0; i < conditions.size(); ++i)
        policy += fmt::format("rule r{} {{ observe when {} then drop }}\n", i, conditions[i]);
    auto created = Evaluators::create(policy);
    INFO(why_not(created));
    REQUIRE(created);
    auto& engines = *created;
    for (std::size_t f = 0; f < frames.size(); ++f) {
        std::string difference;
        const Judged judged = engines->judge(frames[f], difference);
        if (!difference.empty()) FAIL("engines differ on " << to_hex(frames[f]) << "\n" << difference);
        std::vector<std::uint32_t> wanted;
        for (std::uint32_t i = 0; i < conditions.size(); ++i)
            if (expected(f, i)) wanted.push_back(i);
        if (judged.matched != wanted) FAIL("frame " << f << " " << to_hex(frames[f]) << ": " << to_string(judged));
    }
    CHECK(!frames.empty());
}

}  // namespace

TEST_CASE("all values of tcp.flags, all single and double masks", "[exhaustive]") {
    std::vector<Bytes> frames;
    for (unsigned flags = 0; flags < 256; ++flags) frames.push_back(tcp4({.flags = static_cast<std::uint8_t>(flags)}));
    std::vector<std::pair<unsigned, unsigned>> tests;
    for (unsigned a = 0; a < 8; ++a)
        for (unsigned b = a; b < 8; ++b)
            for (const unsigned value : {0u, 1u << a, 1u << b, 1u << a | 1u << b})
                tests.emplace_back(1u << a | 1u << b, value);
    std::vector<std::string> conditions;
    for (const auto& [mask, value] : tests) conditions.push_back(fmt::format("tcp.flags & 0x{:x} == {}", mask, value));
    check_all(conditions, frames,
              [&](std::size_t flags, std::size_t i) { return (flags & tests[i].first) == tests[i].second; });
}

TEST_CASE("all values of tcp.flags against the bare flags", "[exhaustive]") {
    std::vector<Bytes> frames;
    for (unsigned flags = 0; flags < 256; ++flags) frames.push_back(tcp6({.flags = static_cast<std::uint8_t>(flags)}));
    const std::vector<std::string> names{"fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"};
    std::vector<std::string> conditions;
    for (const std::string& a : names)
        for (const std::string& b : names) conditions.push_back(fmt::format("tcp.{} and not tcp.{}", a, b));
    check_all(conditions, frames, [](std::size_t flags, std::size_t i) {
        return (flags >> (i / 8) & 1) != 0 && (flags >> (i % 8) & 1) == 0;
    });
}

TEST_CASE("all values of ip.ttl, against all bounds", "[exhaustive]") {
    std::vector<Bytes> frames;
    for (unsigned ttl = 0; ttl < 256; ++ttl)
        frames.push_back(eth(0x0800) + ip4({.ttl = static_cast<std::uint8_t>(ttl)}, tcp({})));
    for (const bool order : {false, true}) {
        std::vector<std::string> conditions;
        for (unsigned bound = 0; bound < 256; ++bound)
            conditions.push_back(fmt::format("ip.ttl {} {}", order ? "<=" : "!=", bound));
        check_all(conditions, frames,
                  [&](std::size_t ttl, std::size_t bound) { return order ? ttl <= bound : ttl != bound; });
    }
}

TEST_CASE("all DSCP and ECN values, in both versions", "[exhaustive]") {
    std::vector<Bytes> frames;
    for (unsigned tos = 0; tos < 256; ++tos) {
        frames.push_back(eth(0x0800) + ip4({.tos = static_cast<std::uint8_t>(tos)}, tcp({})));
        frames.push_back(eth(0x86dd) + ip6({.first = 0x600fffff | tos << 20}, tcp({})));
    }
    std::vector<std::string> conditions;
    for (unsigned dscp = 0; dscp < 64; ++dscp) conditions.push_back(fmt::format("ip.dscp == {}", dscp));
    for (unsigned ecn = 0; ecn < 4; ++ecn) conditions.push_back(fmt::format("ip.ecn >= {}", ecn));
    check_all(conditions, frames,
              [](std::size_t f, std::size_t i) { return i < 64 ? f / 2 / 4 == i : f / 2 % 4 >= i - 64; });
}

TEST_CASE("all protocol numbers, in both versions: what each is read as", "[exhaustive]") {
    std::vector<Bytes> frames;
    const Bytes body = hex("0808 0808 0000 0000 0000 0000 5002 0000 00000000") +
                       zeros(200);  // a TCP offset of 5, an ICMP type of 8, UDP's length 0
    for (unsigned proto = 0; proto < 256; ++proto) frames.push_back(in4(static_cast<std::uint8_t>(proto), body));
    const std::vector<std::string> conditions{
        "tcp", "udp", "sctp", "icmp", "icmp6", "malformed", "payload.len == 220", "ip.proto <= 255"};
    check_all(conditions, frames, [](std::size_t proto, std::size_t i) {
        switch (i) {
            case 0: return proto == 6;
            case 1:
            case 4: return false;
            case 2: return proto == 132;
            case 3: return proto == 1;
            case 5: return proto == 17;
            case 6: return proto != 6 && proto != 17 && proto != 132 && proto != 1;
            default: return true;
        }
    });
}

TEST_CASE("all prefix lengths of an address", "[exhaustive]") {
    // The address, and the address with one bit turned: in the prefix where that bit lies behind its length.
    std::vector<Bytes> frames;
    for (unsigned bit = 0; bit < 32; ++bit) {
        Bytes address = hex(kSource4);
        address[bit / 8] = static_cast<std::uint8_t>(address[bit / 8] ^ 0x80u >> bit % 8);
        frames.push_back(eth(0x0800) + ip4({.source = address}, tcp({})));
    }
    std::vector<std::string> conditions;
    for (unsigned length = 0; length <= 32; ++length) {
        const std::uint32_t mask = length == 0 ? 0 : ~std::uint32_t{0} << (32 - length), net = 0xc6336407u & mask;
        conditions.push_back(
            fmt::format("ip.src in {}.{}.{}.{}/{}", net >> 24, net >> 16 & 255, net >> 8 & 255, net & 255, length));
    }
    check_all(conditions, frames, [](std::size_t bit, std::size_t length) { return bit >= length; });
    frames.clear();
    conditions.clear();
    for (unsigned bit = 0; bit < 128; ++bit) {
        Bytes address(16);
        address[bit / 8] = static_cast<std::uint8_t>(0x80u >> bit % 8);
        frames.push_back(eth(0x86dd) + ip6({.source = address}, tcp({})));
    }
    for (unsigned length = 0; length <= 128; ++length) conditions.push_back(fmt::format("ip.src in ::/{}", length));
    check_all(conditions, frames, [](std::size_t bit, std::size_t length) { return bit >= length; });
}
