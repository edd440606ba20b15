// Tested by tests/unit/tooling/import_suricata_test.cpp with `headers`.
#include <algorithm>

#include <fmt/format.h>

#include "tooling/import/suricata_rule.h"

namespace weir::tooling::imports {
namespace {

constexpr int kMostNested = 16;
constexpr std::size_t kMostElements = 4096;  // of one list, variables expanded

struct List {
    std::vector<std::string> in{}, out{};
    std::string why{};
};

// The parts of "[a,[b,c],!d]" at its outermost level.
std::vector<std::string> parts_of(std::string_view text) {
    std::vector<std::string> parts(1);
    int depth = 0;
    for (const char c : text) {
        depth += c == '[' ? 1 : c == ']' ? -1 : 0;
        if (c == ',' && depth == 0)
            parts.emplace_back();
        else if (c != ' ')
            parts.back() += c;
    }
    return parts;
}

class ListReader {
public:
    ListReader(const ImportOptions& options, bool is_port) : options_(options), is_port_(is_port) {}

    List read(const std::string& text) {
        take(text, false, 0);
        return std::move(list_);
    }

private:
    void take(std::string text, bool is_negated, int depth) {
        if (!list_.why.empty() || text == "any") return;
        if (depth > kMostNested || list_.in.size() + list_.out.size() > kMostElements)
            return void(list_.why = "a list that is too long or nested too deep");
        if (text.starts_with('!')) return take(text.substr(1), !is_negated, depth + 1);
        if (text.starts_with('[') && text.ends_with(']')) {
            for (const std::string& part : parts_of(std::string_view(text).substr(1, text.size() - 2)))
                take(part, is_negated, depth + 1);
            return;
        }
        if (text.starts_with('$')) {
            const auto found = options_.variables.find(text.substr(1));
            if (found == options_.variables.end())
                return void(list_.why = fmt::format("variable {} is not known: give --set {}=…", one_line(text, 40),
                                                    one_line(text.substr(1), 40)));
            return take(found->second, is_negated, depth + 1);
        }
        std::optional<std::string> element;
        if (!is_port_)
            element = address_text(text);
        else if (const auto span = parse_span(text, ':', 65535))
            element = span_text(packet::FieldId::kTcpDport, *span);
        if (!element)
            return void(list_.why = fmt::format("`{}` is no {}", one_line(text, 40), is_port_ ? "port" : "address"));
        (is_negated ? list_.out : list_.in).push_back(*element);
    }

    const ImportOptions& options_;
    bool is_port_;
    List list_{};
};

// Of one side; empty for any.
std::string side_text(const std::string& field, const List& list) {
    std::vector<std::string> all;
    if (!list.in.empty()) all.push_back(among(field, list.in, Sense::kIs));
    if (!list.out.empty()) all.push_back(among(field, list.out, Sense::kIsNot));
    return fmt::format("{}", fmt::join(all, " and "));
}

struct Protocol {
    std::string_view name;
    std::string_view condition;
    std::string_view ports;  // the group of its ports; empty: none
    std::string_view missing;
};

// clang-format off
constexpr Protocol kProtocols[] = {
    {"ip", "ip", "port", ""}, {"ip4", "ip4", "port", ""}, {"ipv4", "ip4", "port", ""}, {"ip6", "ip6", "port", ""}, {"ipv6", "ip6", "port", ""},
    {"pkthdr", "ip", "port", ""}, {"tcp", "tcp", "tcp", ""}, {"tcp-pkt", "tcp", "tcp", ""}, {"udp", "udp", "udp", ""}, {"sctp", "sctp", "sctp", ""},
    {"icmp", "(icmp or icmp6)", "", ""}, {"icmpv4", "icmp", "", ""}, {"icmpv6", "icmp6", "", ""},
    {"dns", "dns", "udp", "DNS over TCP, and on other ports than 53, is not read"},
    {"tls", "tls", "tcp", "only segments that begin with a TLS record are known as TLS"},
    {"http", "http", "tcp", "only segments that begin with a head of HTTP/1 are known as HTTP"},
    {"http1", "http", "tcp", "only segments that begin with a head of HTTP/1 are known as HTTP"},
};
// clang-format on

}  // namespace

void add_suricata_header(const SuricataRule& rule, const ImportOptions& options, Condition& when) {
    const auto protocol = std::find_if(std::begin(kProtocols), std::end(kProtocols),
                                       [&](const Protocol& one) { return one.name == rule.protocol; });
    if (protocol == std::end(kProtocols))
        return when.unsaid.push_back(fmt::format("protocol `{}` cannot be said", one_line(rule.protocol, 40)));
    const List source = ListReader(options, false).read(rule.source),
               target = ListReader(options, false).read(rule.target);
    const List sport = ListReader(options, true).read(rule.source_port),
               dport = ListReader(options, true).read(rule.target_port);
    for (const List* one : {&source, &target, &sport, &dport})
        if (!one->why.empty()) return when.unsaid.push_back(one->why);
    if (!protocol->missing.empty()) when.narrowed.emplace_back(protocol->missing);
    when.add(std::string(protocol->condition));
    const std::string ports(protocol->ports);
    const std::string from = ports == "port" ? "port.src" : ports + ".sport",
                      to = ports == "port" ? "port.dst" : ports + ".dport";
    const auto way = [&](const List& a, const List& ap, const List& b, const List& bp) {
        std::vector<std::string> all;
        for (const std::string& text : {side_text("ip.src", a), ports.empty() ? std::string() : side_text(from, ap),
                                        side_text("ip.dst", b), ports.empty() ? std::string() : side_text(to, bp)})
            if (!text.empty()) all.push_back(text);
        return all;
    };
    const std::vector<std::string> forth = way(source, sport, target, dport), back = way(target, dport, source, sport);
    if (rule.direction == "->" || forth == back) {
        for (const std::string& one : forth) when.add(one, 2);
        return;
    }
    when.add(fmt::format("({} or {})", fmt::join(forth, " and "), fmt::join(back, " and ")), 8);
}

}  // namespace weir::tooling::imports
