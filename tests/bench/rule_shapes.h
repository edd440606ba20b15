// Rule sets of known shapes, the same for the same seed everywhere: for tests of the decision structure, for
// benchmarks, and for comparisons with other filters.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::bench {

enum class Shape : std::uint8_t {
    kExact,     // 5-tuples
    kAcl,       // long destination prefixes, exact or ranged destination ports
    kFirewall,  // wildcards, port ranges on both sides, many overlaps
    kIp6,       // as kAcl, over IPv6
    kWild,      // one field a rule, all others any
    kNested,    // prefixes within prefixes, both sides, longest first
    kRanges,    // address and port ranges that are no prefixes
    kOverlap,   // each rule overlaps each other one
};
std::optional<Shape> shape_named(std::string_view name);
// "exact", "acl" …, in the order of the enumeration.
const std::array<std::string_view, 8>& shape_names();

// Inclusive; IPv4 addresses are the lowest word's 32 bits (the other words zero), words as numbers, first word first.
using AddressWords = std::array<std::uint32_t, 4>;
struct AddressSpan {
    AddressWords first{};
    AddressWords last{};
    std::uint32_t prefix_bits = 0;  // 0: any. Of a prefix its length; kNoPrefix for a range
};
inline constexpr std::uint32_t kNoPrefix = 255;
struct PortSpan {
    std::uint16_t first = 0;
    std::uint16_t last = 0xffff;
};

enum class Transport : std::uint8_t { kAny, kTcp, kUdp, kIcmp };
struct ShapedRule {
    bool is_ip6 = false;
    AddressSpan source;
    AddressSpan destination;
    Transport transport = Transport::kAny;
    PortSpan source_port;  // any unless TCP or UDP
    PortSpan destination_port;
    bool drops = true;  // else passes
};

// `count` rules, in order.
std::vector<ShapedRule> make_rules(Shape shape, std::uint32_t count, std::uint64_t seed);
// The policy: rules r0, r1 …; `default pass`.
std::string policy_text(const std::vector<ShapedRule>& rules, std::string_view name);

// Frames on and beside the rules' boundaries: half of them inside a rule, on its corners, the others one step beyond
// one side or anywhere..
std::vector<std::vector<std::uint8_t>> make_frames(const std::vector<ShapedRule>& rules, std::uint32_t count,
                                                   std::uint64_t seed);

}  // namespace weir::bench
