// Tested by tests/unit/tooling/import_test.cpp with `iptables matches`.
#include "tooling/import/iptables_match.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "tooling/import/protocols.h"
#include "tooling/import/states.h"

namespace weir::tooling::imports {
namespace {

using packet::FieldId;

void refuse(RuleState& state, std::string reason) { state.rule.when.unsaid.push_back(std::move(reason)); }

void imply(RuleState& state) { state.rule.when.implies[state.scope.version == 4 ? 0 : 1] = true; }

// -s, -d, iprange.
void match_address(RuleState& state, const std::string& option, Sense sense, const std::string& value) {
    const char* field = option == "-s" || option == "--source" || option == "--src-range" ? "ip.src" : "ip.dst";
    const auto text = address_text(value);
    if (!text)
        return refuse(state,
                      fmt::format("`{} {}`: an address, a prefix with its length or a range is said", option, value));
    if (address_version(*text) != state.scope.version)
        return refuse(state, fmt::format("`{}` is of the other version of IP", value));
    const bool is_all = text->ends_with("/0");
    if (is_all && sense == Sense::kIs) return;
    state.rule.when.add(among(field, {*text}, sense));
    if (sense == Sense::kIs) imply(state);
}

void match_interface(RuleState& state, const std::string& option, Sense sense, const std::string& value) {
    const bool is_in = option == "-i" || option == "--in-interface";
    if (value == "+" && sense == Sense::kIs) return;
    std::string text;
    if (value.ends_with('+')) {
        text = fmt::format("iface starts_with {}", string_literal(value.substr(0, value.size() - 1)));
        if (sense == Sense::kIsNot) text = fmt::format("not {}", text);
    } else {
        text = fmt::format("iface {} {}", sense == Sense::kIs ? "==" : "!=", string_literal(value));
    }
    if (is_in)
        return state.rule.when.add_in(text, "the interface that a packet came in on is not known when it goes out");
    state.rule.when.add_out(text, "the interface that a packet will go out of is not known when it comes in");
}

void match_protocol(RuleState& state, const std::string&, Sense sense, const std::string& value) {
    const auto number = protocol_number(value);
    if (!number) return refuse(state, fmt::format("protocol `{}` is not known by this name", value));
    if (*number == 0) return;  // all
    if (sense == Sense::kIsNot)
        return state.rule.when.add(among("ip.proto", {value_text(FieldId::kIpProto, *number)}, sense));
    state.protocol = protocol_field(*number, state.scope.version);
    if (!state.protocol.empty()) return;
    state.rule.when.add(among("ip.proto", {value_text(FieldId::kIpProto, *number)}, sense));
}

std::optional<std::string> port_field(RuleState& state, std::string_view side) {
    if (state.protocol == "tcp" || state.protocol == "udp" || state.protocol == "sctp") {
        state.names_protocol = true;
        return fmt::format("{}.{}", state.protocol, side);
    }
    refuse(state, "ports are said of TCP, UDP and SCTP");
    return std::nullopt;
}

// "22", "1024:", "ftp-data:ftp".
std::optional<std::pair<std::uint64_t, std::uint64_t>> port_span(std::string_view text) {
    std::string numbers;
    for (const std::string_view side : split(text, ':')) {
        const auto port = port_number(side);
        numbers += (side.data() == text.data() ? "" : ":") + (port ? std::to_string(*port) : std::string(side));
    }
    return parse_span(numbers, ':', 65535);
}

void match_ports(RuleState& state, const std::string& option, Sense sense, const std::string& value) {
    std::vector<std::string> elements;
    for (const std::string_view one : split(value, ',')) {
        const auto span = port_span(one);
        if (!span) return refuse(state, fmt::format("`{}` is no number of a port, and no name that is known", one));
        if (*span == std::pair<std::uint64_t, std::uint64_t>(0, 65535)) {
            if (sense == Sense::kIsNot) return refuse(state, "no port is outside of 0:65535");
            continue;
        }
        elements.push_back(span_text(FieldId::kTcpDport, *span));
    }
    const bool either = option == "--ports";
    const auto field = port_field(
        state, option.find("sport") != std::string::npos || option.starts_with("--source") ? "sport" : "dport");
    if (!field) return;
    if (elements.empty()) {
        state.names_protocol = false;
        return;
    }
    if (!either) return state.rule.when.add(among(*field, elements, sense));
    const std::string other = fmt::format("{}.sport", state.protocol);
    state.rule.when.add(fmt::format("({} {} {})", among(other, elements, sense), sense == Sense::kIs ? "or" : "and",
                                    among(*field, elements, sense)),
                        2);
}

std::optional<unsigned> tcp_flags(std::string_view list) {
    static constexpr std::pair<std::string_view, unsigned> kFlags[] = {
        {"FIN", 1}, {"SYN", 2}, {"RST", 4}, {"PSH", 8}, {"ACK", 16}, {"URG", 32}, {"ALL", 63}, {"NONE", 0}};
    if (const auto number = parse_number(list))
        return *number <= 63 ? std::optional(static_cast<unsigned>(*number)) : std::nullopt;
    unsigned bits = 0;
    for (const std::string_view one : split(list, ',')) {
        const auto found =
            std::find_if(std::begin(kFlags), std::end(kFlags), [&](const auto& flag) { return flag.first == one; });
        if (found == std::end(kFlags)) return std::nullopt;
        bits |= found->second;
    }
    return bits;
}

void match_flags(RuleState& state, Sense sense, const std::string& mask_text, const std::string& value_text_) {
    const auto mask = tcp_flags(mask_text), value = tcp_flags(value_text_);
    if (!mask || !value || state.protocol != "tcp")
        return refuse(state, fmt::format("flags `{} {}` of TCP", mask_text, value_text_));
    state.names_protocol = true;
    state.rule.when.add(
        fmt::format("tcp.flags & 0x{:02x} {} 0x{:02x}", *mask, sense == Sense::kIs ? "==" : "!=", *value));
}

void match_icmp(RuleState& state, const std::string&, Sense sense, const std::string& value) {
    const bool is6 = state.scope.version == 6;
    const std::string field = is6 ? "icmp6" : "icmp";
    if (state.protocol != field) return refuse(state, "a type of ICMP without its protocol");
    if (value == "any" || value == "255") return;
    const auto type = icmp_type(value, state.scope.version);
    if (!type) return refuse(state, fmt::format("type `{}` of ICMP is not known by this name", value));
    state.names_protocol = true;
    const FieldId id = is6 ? FieldId::kIcmp6Type : FieldId::kIcmpType;
    const std::string is_type = within(field + ".type", id, {type->type, type->type}, sense);
    if (!type->code) return state.rule.when.add(is_type);
    const std::string is_code = fmt::format("{}.code {} {}", field, sense == Sense::kIs ? "==" : "!=", *type->code);
    if (sense == Sense::kIs) {
        state.rule.when.add(is_type);
        state.rule.when.add(is_code);
    } else {
        state.rule.when.add(fmt::format("({} or {})", is_type, is_code), 2);
    }
}

void match_states(RuleState& state, const std::string&, Sense sense, const std::string& value) {
    unsigned bits = 0;
    for (const std::string_view one : split(value, ',')) {
        const unsigned bit = state_bit(one);
        if (bit == 0) return refuse(state, fmt::format("connection state `{}` cannot be said", one));
        bits |= bit;
    }
    add_states(sense == Sense::kIs ? bits : kAllStates & ~bits, state.rule.when, state.scope.ruleset);
}

void match_span(RuleState& state, const char* field, FieldId id, std::uint64_t largest, Sense sense,
                const std::string& value) {
    const auto span = parse_span(value, ':', largest);
    if (!span) return refuse(state, fmt::format("`{}` is no number or span of `{}`", value, field));
    state.rule.when.add(within(field, id, *span, sense));
}

void match_ttl(RuleState& state, const std::string& option, Sense sense, const std::string& value) {
    const auto number = parse_number(value);
    if (!number || *number > 255) return refuse(state, fmt::format("`{}` is no time to live", value));
    const char* sign = option.ends_with("-lt")   ? (sense == Sense::kIs ? "<" : ">=")
                       : option.ends_with("-gt") ? (sense == Sense::kIs ? ">" : "<=")
                       : sense == Sense::kIs     ? "=="
                                                 : "!=";
    state.rule.when.add(fmt::format("ip.ttl {} {}", sign, *number));
}

void match_mac(RuleState& state, const std::string&, Sense sense, const std::string& value) {
    const auto mac = parse_mac(value);
    if (!mac) return refuse(state, fmt::format("`{}` is no MAC address", value));
    state.rule.when.add(among("eth.src", {to_string(*mac)}, sense));
}

void match_kind(RuleState& state, const std::string&, Sense sense, const std::string& value) {
    const std::string text = value == "multicast"   ? "eth.is_multicast and eth.dst != ff:ff:ff:ff:ff:ff"
                             : value == "broadcast" ? "eth.dst == ff:ff:ff:ff:ff:ff"
                             : value == "unicast"   ? "not eth.is_multicast"
                                                    : "";
    if (text.empty()) return refuse(state, fmt::format("packet type `{}`", value));
    state.rule.when.add(sense == Sense::kIs ? text : fmt::format("not ({})", text), 2);
}

void match_address_type(RuleState& state, const std::string& option, Sense sense, const std::string& value) {
    const char* field = option == "--src-type" ? "ip.src" : "ip.dst";
    std::vector<std::string> sets;
    for (const std::string_view one : split(value, ',')) {
        if (one == "MULTICAST") {
            sets.push_back(state.scope.version == 4 ? "224.0.0.0/4" : "ff00::/8");
        } else if ((one == "LOCAL" || one == "BROADCAST") && !state.scope.options.addresses.empty() &&
                   state.scope.version == 4) {
            if (one == "BROADCAST") sets.push_back("255.255.255.255");
            for (const IpPrefix& own : state.scope.options.addresses) {
                if (own.address.version != state.scope.version) continue;
                if (one == "LOCAL") sets.push_back(to_string(own.address));
                if (one == "BROADCAST" && own.length < 31) sets.push_back(to_string(last_address(network(own))));
            }
            if (one == "LOCAL") sets.push_back("127.0.0.0/8");
        } else {
            return refuse(
                state,
                fmt::format("address type {} asks the routing table{}", one,
                            one == "LOCAL" || one == "BROADCAST" ? ": give the host's addresses with --address" : ""));
        }
    }
    state.rule.when.add(among(field, sets, sense));
    if (sense == Sense::kIs) imply(state);
}

void match_dscp(RuleState& state, const std::string& option, Sense sense, const std::string& value) {
    std::string low(value);
    std::transform(low.begin(), low.end(), low.begin(), [](unsigned char c) { return std::tolower(c); });
    const auto number = parse_number(value);
    if (option == "--dscp" && (!number || *number > 63))
        return refuse(state, fmt::format("`{}` is no code point", value));
    state.rule.when.add(among("ip.dscp",
                              {number        ? value_text(FieldId::kIpDscp, *number)
                               : low == "be" ? "0"
                                             : low},
                              sense));
}

void match_mss(RuleState& state, const std::string&, Sense sense, const std::string& value) {
    if (sense == Sense::kIsNot) return refuse(state, "`! --mss` also takes packets without the option");
    match_span(state, "tcp.mss", FieldId::kTcpMss, 65535, sense, value);
}

void match_length(RuleState& state, const std::string&, Sense sense, const std::string& value) {
    match_span(state, "ip.len", FieldId::kIpLen, 65535, sense, value);
}

// Of the first Routing header. Without one neither the comparison nor its opposite holds.
void match_routing_type(RuleState& state, const std::string&, Sense sense, const std::string& value) {
    match_span(state, "ip6.routing_type", FieldId::kIp6RoutingType, 255, sense, value);
}

// The text of the rule, which is its note, has it.
void match_comment(RuleState&, const std::string&, Sense, const std::string&) {}

void match_syn(RuleState& state, const std::string&, Sense sense, const std::string&) {
    match_flags(state, sense, "SYN,RST,ACK,FIN", "SYN");
}

void match_fragment(RuleState& state, const std::string&, Sense sense, const std::string&) {
    state.scope.ruleset.names_fragments = true;
    state.rule.when.add(sense == Sense::kIs ? "ip.frag_offset > 0" : "ip.frag_offset == 0");
}

void keep_option(RuleState& state, const std::string& option, Sense sense, const std::string& value) {
    if (sense == Sense::kIsNot) return refuse(state, fmt::format("`! {}`", option));
    state.options[option] = value;
    if (option == "--limit" || option.starts_with("--hashlimit-")) state.has_limit = true;
}

struct MatchOption {
    std::string_view option;
    int words;
    void (*match)(RuleState&, const std::string&, Sense, const std::string&);
};

// clang-format off
constexpr MatchOption kMatches[] = {
    {"-s", 1, match_address}, {"--source", 1, match_address}, {"-d", 1, match_address}, {"--destination", 1, match_address},
    {"--src-range", 1, match_address}, {"--dst-range", 1, match_address},
    {"-i", 1, match_interface}, {"--in-interface", 1, match_interface},
    {"-o", 1, match_interface}, {"--out-interface", 1, match_interface},
    {"-p", 1, match_protocol}, {"--protocol", 1, match_protocol},
    {"--sport", 1, match_ports}, {"--source-port", 1, match_ports}, {"--dport", 1, match_ports}, {"--destination-port", 1, match_ports},
    {"--sports", 1, match_ports}, {"--source-ports", 1, match_ports}, {"--dports", 1, match_ports}, {"--destination-ports", 1, match_ports},
    {"--ports", 1, match_ports},
    {"--syn", 0, match_syn}, {"-f", 0, match_fragment},
    {"--icmp-type", 1, match_icmp}, {"--icmpv6-type", 1, match_icmp},
    {"--state", 1, match_states}, {"--ctstate", 1, match_states},
    {"--rt-type", 1, match_routing_type},
    {"--length", 1, match_length}, {"--mss", 1, match_mss},
    {"--ttl-eq", 1, match_ttl}, {"--ttl-lt", 1, match_ttl}, {"--ttl-gt", 1, match_ttl},
    {"--hl-eq", 1, match_ttl}, {"--hl-lt", 1, match_ttl}, {"--hl-gt", 1, match_ttl},
    {"--mac-source", 1, match_mac}, {"--pkt-type", 1, match_kind},
    {"--dst-type", 1, match_address_type}, {"--src-type", 1, match_address_type},
    {"--dscp", 1, match_dscp}, {"--dscp-class", 1, match_dscp},
    {"--comment", 1, match_comment},
    {"--limit", 1, keep_option}, {"--limit-burst", 1, keep_option},
    {"--hashlimit-upto", 1, keep_option}, {"--hashlimit", 1, keep_option}, {"--hashlimit-above", 1, keep_option},
    {"--hashlimit-burst", 1, keep_option}, {"--hashlimit-mode", 1, keep_option}, {"--hashlimit-name", 1, keep_option},
    {"--hashlimit-srcmask", 1, keep_option}, {"--hashlimit-dstmask", 1, keep_option}, {"--hashlimit-htable-expire", 1, keep_option},
    {"--hashlimit-htable-size", 1, keep_option}, {"--hashlimit-htable-max", 1, keep_option}, {"--hashlimit-htable-gcinterval", 1, keep_option},
};
// clang-format on

void match_set(RuleState& state, Sense sense, const std::string& name, const std::string& directions) {
    state.scope.sets.match(name, directions, state.scope.version, sense, state.rule.when);
}

}  // namespace

bool read_match(RuleState& state, const std::string& option, Sense sense, WordReader& words) {
    if (option == "--tcp-flags" || option == "--match-set") {
        const std::string first = words.next(), second = words.next();
        if (option == "--tcp-flags") return match_flags(state, sense, first, second), true;
        return match_set(state, sense, first, second), true;
    }
    for (const MatchOption& one : kMatches) {
        if (one.option != option) continue;
        // "--sport ! 80" of old files
        if (one.words == 1 && !words.is_done() && words.peek() == "!") {
            words.next();
            sense = Sense::kIsNot;
        }
        one.match(state, option, sense, one.words == 1 ? words.next() : std::string());
        return true;
    }
    return false;
}

}  // namespace weir::tooling::imports
