// The rules of one shape as weir and as other filters say them, each rule with the same fate, pass: what is then
// measured is finding a rule, not what becomes of the packet. bench_peer_rules FORM SHAPE COUNT [SEED], FORM one of
//   weir       a policy
//   nft        table netdev weirbench, chain `ingress` without its hook's line, one rule a rule
//   nft-set    the same with one concatenated set (exact 5-tuples only)
//   iptables   for iptables-restore, table raw
#include <fmt/core.h>

#include <cstdlib>
#include <optional>
#include <string>

#include "tests/bench/rule_shapes.h"

namespace {

using namespace weir::bench;

std::string address(const AddressWords& words) {
    return fmt::format("{}.{}.{}.{}", words[0] >> 24, words[0] >> 16 & 255, words[0] >> 8 & 255, words[0] & 255);
}
bool any(const PortSpan& span) { return span.first == 0 && span.last == 0xffff; }
bool exact(const PortSpan& span) { return span.first == span.last; }
const char* protocol(Transport transport) {
    return transport == Transport::kTcp ? "tcp" : transport == Transport::kUdp ? "udp" : "icmp";
}

std::string range(const char* before, const PortSpan& span, char between) {
    if (any(span)) return "";
    return exact(span) ? fmt::format("{} {}", before, span.first)
                       : fmt::format("{} {}{}{}", before, span.first, between, span.last);
}

// Prefixes only: the shapes that are compared have no other ranges of addresses.
std::string prefix(const char* before, const AddressSpan& span) {
    if (span.prefix_bits == 0) return "";
    return fmt::format("{} {}/{}", before, address(span.first), span.prefix_bits);
}

std::string nft_rule(const ShapedRule& rule) {
    const bool ports = rule.transport == Transport::kTcp || rule.transport == Transport::kUdp;
    std::string text = prefix(" ip saddr", rule.source) + prefix(" ip daddr", rule.destination);
    if (ports) {
        const std::string name = protocol(rule.transport);
        const std::string both = range((" " + name + " sport").c_str(), rule.source_port, '-') +
                                 range((" " + name + " dport").c_str(), rule.destination_port, '-');
        text += both.empty() ? " ip protocol " + name : both;
    } else if (rule.transport == Transport::kIcmp) {
        text += " ip protocol icmp";
    }
    return (text.empty() ? " meta protocol ip" : text) + " accept";
}

void print_nft(const std::vector<ShapedRule>& rules) {
    fmt::print("table netdev weirbench {{\n chain rules {{\n");
    for (const ShapedRule& rule : rules) fmt::print(" {}\n", nft_rule(rule));
    fmt::print(" }}\n}}\n");
}

bool print_nft_set(const std::vector<ShapedRule>& rules) {
    fmt::print(
        "table netdev weirbench {{\n set keys {{\n  typeof ip saddr . ip daddr . ip protocol . th sport . th dport\n  "
        "elements = {{\n");
    for (const ShapedRule& rule : rules) {
        const bool key = rule.source.prefix_bits == 32 && rule.destination.prefix_bits == 32 &&
                         exact(rule.source_port) && exact(rule.destination_port) &&
                         (rule.transport == Transport::kTcp || rule.transport == Transport::kUdp);
        if (!key) return false;
        fmt::print("{} . {} . {} . {} . {},\n", address(rule.source.first), address(rule.destination.first),
                   protocol(rule.transport), rule.source_port.first, rule.destination_port.first);
    }
    fmt::print(
        "  }}\n }}\n chain rules {{\n  ip saddr . ip daddr . ip protocol . th sport . th dport @keys accept\n "
        "}}\n}}\n");
    return true;
}

void print_iptables(const std::vector<ShapedRule>& rules) {
    fmt::print("*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n");
    for (const ShapedRule& rule : rules) {
        std::string text = prefix(" -s", rule.source) + prefix(" -d", rule.destination);
        if (rule.transport != Transport::kAny) text += fmt::format(" -p {}", protocol(rule.transport));
        if (rule.transport == Transport::kTcp || rule.transport == Transport::kUdp)
            text += range(" --sport", rule.source_port, ':') + range(" --dport", rule.destination_port, ':');
        fmt::print("-A PREROUTING{} -j ACCEPT\n", text);
    }
    fmt::print("COMMIT\n");
}

int refuse(const char* sentence) {
    fmt::print(stderr, "bench_peer_rules: {}\n", sentence);
    return 2;
}

}  // namespace

int main(int argc, char** argv) {
    const auto shape = argc > 3 ? shape_named(argv[2]) : std::nullopt;
    if (!shape || argc > 5) return refuse("usage: bench_peer_rules weir|nft|nft-set|iptables SHAPE COUNT [SEED]");
    if (*shape == Shape::kIp6 || *shape == Shape::kRanges) return refuse("IPv4 shapes with prefixes only");
    const std::string form = argv[1];
    auto rules = make_rules(*shape, static_cast<std::uint32_t>(std::strtoul(argv[3], nullptr, 10)),
                            argc > 4 ? std::strtoull(argv[4], nullptr, 10) : 1);
    for (ShapedRule& rule : rules) rule.drops = false;
    if (form == "weir")
        fmt::print("{}", policy_text(rules, "peer"));
    else if (form == "nft")
        print_nft(rules);
    else if (form == "nft-set")
        return print_nft_set(rules) ? 0 : refuse("a set wants exact 5-tuples");
    else if (form == "iptables")
        print_iptables(rules);
    else
        return refuse("FORM is weir, nft, nft-set or iptables");
    return 0;
}
