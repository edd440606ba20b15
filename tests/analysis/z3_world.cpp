#include "tests/analysis/z3_world.h"

#include <algorithm>

#include <fmt/format.h>

#include "grammar/base/check.h"

namespace weir::tests {
namespace {

// A header that is read behind IP's, where there is one of its kind.
constexpr std::uint64_t kIcmp = 1, kTcp = 6, kUdp = 17, kIcmp6 = 58, kSctp = 132;

}  // namespace

Z3World::Z3World(z3::context& context)
    : context_(context),
      ip4_(bit("ip4")),
      ip6_(bit("ip6")),
      arp_(bit("arp")),
      has_protocol_(bit("has_protocol")),
      malformed_(bit("malformed")),
      more_(bit("more")),
      has_id_(bit("has_id")),
      options_(bit("options")),
      payload_(bit("payload")),
      protocol_(word("protocol")),
      ttl_(word("ttl")),
      dscp_(word("dscp")),
      length_(word("length")),
      offset_(word("offset")),
      id_(word("id")),
      source_port_(word("source_port")),
      destination_port_(word("destination_port")),
      flags_(word("flags")),
      tcp_header_(word("tcp_header")),
      udp_length_(word("udp_length")),
      payload_length_(word("payload_length")),
      ip_header_(word("ip_header")),
      type_(word("type")),
      ip_(ip4_ || ip6_),
      tcp_(payload_ && is(protocol_, kTcp)),
      udp_(payload_ && is(protocol_, kUdp)),
      sctp_(payload_ && is(protocol_, kSctp)),
      icmp_(payload_ && ip4_ && is(protocol_, kIcmp)),
      icmp6_(payload_ && ip6_ && is(protocol_, kIcmp6)),
      is_fragment_(ip_ && (more_ || !is(offset_, 0))),
      possible_(context.bool_val(true)) {
    const z3::expr ports = tcp_ || udp_ || sctp_;
    numbers_ = {{"ip.proto", has_protocol_, protocol_, 8},
                {"ip.ttl", ip_, ttl_, 8},
                {"ip.dscp", ip_, dscp_, 6},
                {"ip.frag_offset", ip_, offset_, 16},
                {"ip.id", has_id_, id_, 32},
                {"tcp.sport", tcp_, source_port_, 16, true},
                {"tcp.dport", tcp_, destination_port_, 16, true},
                {"udp.dport", udp_, destination_port_, 16, true},
                {"port.src", ports, source_port_, 16, true},
                {"port.dst", ports, destination_port_, 16, true},
                {"tcp.flags", tcp_, flags_, 8},
                {"icmp.type", icmp_, type_, 8},
                {"icmp6.type", icmp6_, type_, 8}};
    length_numbers_ = {{"ip.len", ip_, length_, 32},
                       {"payload.len", payload_, payload_length_, 16},
                       {"udp.len", udp_, udp_length_, 16},
                       {"tcp.header_len", tcp_, tcp_header_, 8}};
    name_bits();
    addresses_ = {{"ip.src", context.bv_const("source4", 32), context.bv_const("source6", 128)},
                  {"ip.dst", context.bv_const("destination4", 32), context.bv_const("destination6", 128)}};
    possible_ = headers() && lengths();
}

void Z3World::name_bits() {
    for (const auto& [name, holds] :
         std::vector<std::pair<const char*, z3::expr>>{{"ip", ip_},
                                                       {"ip4", ip4_},
                                                       {"ip6", ip6_},
                                                       {"arp", arp_},
                                                       {"tcp", tcp_},
                                                       {"udp", udp_},
                                                       {"sctp", sctp_},
                                                       {"icmp", icmp_},
                                                       {"icmp6", icmp6_},
                                                       {"ip.mf", ip_ && more_},
                                                       {"ip.is_fragment", is_fragment_},
                                                       {"tcp.syn", tcp_ && !is(flags_ & constant(2), 0)},
                                                       {"tcp.ack", tcp_ && !is(flags_ & constant(16), 0)}})
        bits_.push_back({name, holds});
}

// Which headers there can be together.
z3::expr Z3World::headers() {
    const auto reads = [&](const z3::expr& version, std::uint64_t icmp) {
        return version && (is(protocol_, kTcp) || is(protocol_, kUdp) || is(protocol_, kSctp) || is(protocol_, icmp));
    };
    const z3::expr is_read = reads(ip4_, kIcmp) || reads(ip6_, kIcmp6);
    z3::expr all = !(ip4_ && ip6_) && !(arp_ && ip_) && z3::implies(ip4_, has_protocol_) &&
                   z3::implies(has_protocol_, ip_) && z3::implies(arp_, !malformed_);
    // Extension headers at fault: nothing behind a fragment's own header is read.
    all = all && z3::implies(ip6_ && !has_protocol_, malformed_ && is(offset_, 0) && options_);
    // A whole IP header, and then a fault: of the header that is read behind it.
    all = all && z3::implies(has_protocol_ && malformed_, is(offset_, 0) && is_read);
    all = all && (payload_ == (has_protocol_ && is(offset_, 0) && !malformed_));
    all = all && is(offset_ & constant(7), 0) && z3::implies(!ip_, is(offset_, 0) && !more_);
    all = all && (has_id_ == (ip4_ || (ip6_ && has_id_))) && z3::implies(ip6_ && is_fragment_, has_id_);
    all = all && z3::implies(ip6_ && has_id_, options_);
    for (const Z3Number& number : numbers_)
        if (number.bits < 32) all = all && z3::ult(number.value, constant(std::uint64_t{1} << number.bits));
    return all && z3::implies(ip4_, z3::ult(id_, constant(65536)));
}

// Each length within what it can be, and as long as what is in it.
z3::expr Z3World::lengths() {
    const z3::expr rest = length_ - ip_header_;  // bytes behind the IP header and the extension headers
    z3::expr all = between(tcp_header_, 20, 60) && is(tcp_header_ & constant(3), 0) && between(udp_length_, 8, 65535);
    all = all && z3::implies(ip4_, between(length_, 20, 65535) && between(ip_header_, 20, 60) &&
                                       (options_ == !is(ip_header_, 20)));
    all = all && z3::implies(ip6_, between(length_, 40, 65575) && z3::uge(ip_header_, constant(40)) &&
                                       (options_ || is(ip_header_, 40)));
    all = all && z3::implies(ip6_ && options_ && payload_, z3::uge(ip_header_, constant(48)));
    all = all && is(ip_header_ & constant(3), 0);
    const auto behind = [&](const z3::expr& kind, const z3::expr& bytes) {
        return z3::implies(kind, z3::uge(rest, bytes) && payload_length_ == rest - bytes);
    };
    const z3::expr has_echo = icmp_ || icmp6_;
    all = all && z3::implies(payload_, z3::uge(length_, ip_header_)) && behind(tcp_, tcp_header_) &&
          behind(sctp_, constant(12)) && behind(has_echo, constant(8)) &&
          behind(payload_ && !tcp_ && !sctp_ && !has_echo && !udp_, constant(0));
    // Of a first fragment the datagram may end before what UDP says.
    all = all && z3::implies(udp_, z3::uge(rest, constant(8)) && (z3::ule(udp_length_, rest) || more_) &&
                                       payload_length_ == z3::ite(z3::ule(udp_length_, rest), udp_length_ - constant(8),
                                                                  rest - constant(8)));
    return all;
}

z3::expr Z3World::is_there(const std::string& key) const {
    for (const Z3Number& number : numbers_)
        if (number.name == key) return number.is_there;
    WEIR_CHECK(key == "ip.src");
    return ip_;
}

z3::expr Z3World::compare(const z3::expr& left, const std::string& op, const z3::expr& right) {
    if (op == "==") return left == right;
    if (op == "!=") return left != right;
    if (op == "<") return z3::ult(left, right);
    if (op == "<=") return z3::ule(left, right);
    if (op == ">") return z3::ugt(left, right);
    return z3::uge(left, right);
}

Z3Atom Z3World::one_number(Random& random, const Z3Number& number, std::vector<std::uint64_t>& pool) {
    static const std::vector<std::string> kOps = {"==", "!=", "<", "<=", ">", ">="};
    const std::uint64_t most = (std::uint64_t{1} << number.bits) - 1;
    // At a value of the policy, or just beside it, and never where every or no value is.
    const auto value = [&] {
        const std::uint64_t near = random.of(pool) + random.below(3) - 1;
        return std::clamp<std::uint64_t>(near & most, 1, most - 1);
    };
    const std::uint64_t a = value(), b = value(), first = std::min(a, b), last = std::max(a, b);
    const std::string op = random.of(kOps);
    const bool is_in = random.one_in(2);
    z3::expr holds = number.is_there;
    switch (number.is_port ? random.between(1, 3) : random.below(4)) {
        case 0: {
            const std::uint64_t mask = std::max<std::uint64_t>(1, random.one_in(2) ? random.next() & most : b | 1);
            const std::string equal = is_in ? "==" : "!=";
            holds = holds && compare(number.value & constant(mask), equal, constant(a & mask));
            return {fmt::format("{} & 0x{:x} {} 0x{:x}", number.name, mask, equal, a & mask), holds};
        }
        case 1: {
            const z3::expr inside = between(number.value, first, last);
            return {fmt::format("{} {} {}..{}", number.name, is_in ? "in" : "not in", first, last),
                    holds && (is_in ? inside : !inside)};
        }
        default: return {fmt::format("{} {} {}", number.name, op, a), holds && compare(number.value, op, constant(a))};
    }
}

Z3Atom Z3World::two_numbers(Random& random) {
    static const std::vector<std::string> kOps = {"==", "!=", "<", "<=", ">", ">="};
    static const std::vector<std::pair<const char*, const char*>> kPairs = {
        {"tcp.sport", "tcp.dport"}, {"port.src", "port.dst"}, {"tcp.dport", "tcp.sport"}};
    const auto& [left, right] = random.of(kPairs);
    const std::string op = random.of(kOps);
    const auto named = [&](const std::string& name) -> const Z3Number& {
        return *std::find_if(numbers_.begin(), numbers_.end(),
                             [&](const Z3Number& number) { return number.name == name; });
    };
    const Z3Number &a = named(left), &b = named(right);
    return {fmt::format("{} {} {}", left, op, right), a.is_there && b.is_there && compare(a.value, op, b.value)};
}

z3::expr Z3World::in_net(const Address& address, const std::string& net) {
    struct Net {
        const char* text;
        unsigned version, bits;
        const char* value;  // decimal, as Z3 reads it
    };
    static const Net kNets[] = {{"10.0.0.0/8", 4, 8, "167772160"},
                                {"10.0.0.0/9", 4, 9, "167772160"},
                                {"10.128.0.0/9", 4, 9, "176160768"},
                                {"10.0.0.1/32", 4, 32, "167772161"},
                                {"2001:db8::/32", 6, 32, "42540766411282592856903984951653826560"},
                                {"2001:db8::1/128", 6, 128, "42540766411282592856903984951653826561"}};
    const Net& one = *std::find_if(std::begin(kNets), std::end(kNets), [&](const Net& n) { return net == n.text; });
    const unsigned width = one.version == 4 ? 32 : 128;
    const z3::expr& value = one.version == 4 ? address.four : address.six;
    const z3::expr same = value.extract(width - 1, width - one.bits) ==
                          context_.bv_val(one.value, width).extract(width - 1, width - one.bits);
    return (one.version == 4 ? ip4_ : ip6_) && same;
}

Z3Atom Z3World::address(Random& random) {
    const bool is_in = random.one_in(2);
    if (random.one_in(6)) {
        const z3::expr same =
            (ip4_ && addresses_[0].four == addresses_[1].four) || (ip6_ && addresses_[0].six == addresses_[1].six);
        return {is_in ? "ip.src == ip.dst" : "ip.src != ip.dst", ip_ && (is_in ? same : !same)};
    }
    static const std::vector<std::string> kTexts = {"10.0.0.0/8",  "10.0.0.0/9",    "10.128.0.0/9",
                                                    "10.0.0.1/32", "2001:db8::/32", "2001:db8::1/128"};
    const Address& one = random.of(addresses_);
    const std::string net = random.of(kTexts), other = random.of(kTexts);
    const bool has_two = random.one_in(2) && net != other;
    const z3::expr inside = has_two ? in_net(one, net) || in_net(one, other) : in_net(one, net);
    const std::string written = has_two ? fmt::format("{{ {}, {} }}", net, other) : net;
    return {fmt::format("{} {} {}", one.name, is_in ? "in" : "not in", written), ip_ && (is_in ? inside : !inside)};
}

Z3Atom Z3World::atom(Random& random, std::vector<std::uint64_t>& pool, Lengths lengths) {
    if (lengths == Lengths::kToo && random.one_in(2)) return one_number(random, random.of(length_numbers_), pool);
    switch (random.below(8)) {
        case 0: return two_numbers(random);
        case 1: return address(random);
        case 2:
        case 3: return random.of(bits_);
        default: return one_number(random, random.of(numbers_), pool);
    }
}

}  // namespace weir::tests
