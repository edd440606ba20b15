// Tested by tests/unit/tooling/import_suricata_test.cpp with `options`.
#include <algorithm>

#include <fmt/format.h>

#include "tooling/import/protocols.h"
#include "tooling/import/suricata_rule.h"

namespace weir::tooling::imports {
namespace {

void refuse(Condition& when, std::string reason) { when.unsaid.push_back(std::move(reason)); }

// "5", "!5", "<5", ">5", "<=5", "3<>9" (both ends excluded) of a number.
void add_number(const std::string& field, std::uint64_t largest, std::string value, Condition& when) {
    value.erase(std::remove(value.begin(), value.end(), ' '), value.end());
    const std::size_t between = value.find("<>");
    if (between != std::string::npos && between != 0) {
        const auto low = parse_number(value.substr(0, between)), high = parse_number(value.substr(between + 2));
        if (!low || !high || *high > largest || *low + 1 >= *high)
            return refuse(when, fmt::format("`{}` of {}", value, field));
        const std::string first = fmt::format("{}", *low + 1), last = fmt::format("{}", *high - 1);
        return when.add(first == last ? fmt::format("{} == {}", field, first)
                                      : fmt::format("{} in {}..{}", field, first, last));
    }
    std::string sign = "==";
    for (const std::string_view one : {"<=", ">=", "<", ">", "!"}) {
        if (!value.starts_with(one)) continue;
        sign = one == "!" ? "!=" : one;
        value.erase(0, one.size());
        break;
    }
    const auto number = parse_number(value);
    if (!number || *number > largest) return refuse(when, fmt::format("`{}` of {}", one_line(value, 40), field));
    when.add(fmt::format("{} {} {}", field, sign, *number));
}

std::optional<unsigned> flag_bits(std::string_view text) {
    static constexpr std::pair<char, unsigned> kFlags[] = {{'F', 1},  {'S', 2},   {'R', 4},  {'P', 8},
                                                           {'A', 16}, {'U', 32},  {'E', 64}, {'C', 128},
                                                           {'2', 64}, {'1', 128}, {'0', 0}};
    unsigned bits = 0;
    for (const char c : text) {
        const auto found =
            std::find_if(std::begin(kFlags), std::end(kFlags), [&](const auto& one) { return one.first == c; });
        if (found == std::end(kFlags)) return std::nullopt;
        bits |= found->second;
    }
    return bits;
}

void add_flags(std::string value, Condition& when) {
    value.erase(std::remove(value.begin(), value.end(), ' '), value.end());
    const std::size_t comma = std::min(value.find(','), value.size());
    const auto ignored =
        comma < value.size() ? flag_bits(std::string_view(value).substr(comma + 1)) : std::optional(0u);
    std::string flags = value.substr(0, comma);
    const char modifier = !flags.empty() && (flags[0] == '+' || flags[0] == '*' || flags[0] == '!') ? flags[0] : ' ';
    if (modifier != ' ') flags.erase(0, 1);
    const auto bits = flag_bits(flags);
    if (!bits || !ignored) return refuse(when, fmt::format("flags `{}`", one_line(value, 40)));
    if (modifier == '+') return when.add(fmt::format("tcp.flags & 0x{0:02x} == 0x{0:02x}", *bits));
    if (modifier == '*') return when.add(fmt::format("tcp.flags & 0x{:02x} != 0", *bits));
    const unsigned mask = 0xff & ~*ignored;
    const char* sign = modifier == '!' ? "!=" : "==";
    if (mask == 0xff) return when.add(fmt::format("tcp.flags {} 0x{:02x}", sign, *bits));
    when.add(fmt::format("tcp.flags & 0x{:02x} {} 0x{:02x}", mask, sign, *bits & mask));
}

void add_flow(const std::string& value, Condition& when) {
    for (std::string_view one : split(value, ',')) {
        while (one.starts_with(' ')) one.remove_prefix(1);
        while (one.ends_with(' ')) one.remove_suffix(1);
        if (one == "established")
            when.add("flow.established");
        else if (one == "not_established")
            when.add("flow.established == false");
        else if (one == "to_server" || one == "from_client")
            when.add("flow.is_from_client");
        else if (one == "to_client" || one == "from_server")
            when.add("flow.is_from_client == false");
        else if (one != "stateless" && one != "no_stream")
            refuse(when, fmt::format("flow `{}`", one_line(one, 40)));
    }
}

void add_protocol(std::string value, Condition& when) {
    const Sense sense = value.starts_with('!') ? Sense::kIsNot : Sense::kIs;
    if (sense == Sense::kIsNot) value.erase(0, 1);
    std::transform(value.begin(), value.end(), value.begin(), [](unsigned char c) { return std::tolower(c); });
    const auto number = protocol_number(value);
    if (!number) return refuse(when, fmt::format("protocol `{}`", one_line(value, 40)));
    when.add(among("ip.proto", {value_text(packet::FieldId::kIpProto, *number)}, sense));
}

// A type or code of either ICMP.
void add_icmp(const SuricataRule& rule, const std::string& field, const std::string& value, Condition& when) {
    Condition four, six;
    add_number("icmp." + field, 255, value, four);
    add_number("icmp6." + field, 255, value, six);
    if (!four.unsaid.empty()) return refuse(when, four.unsaid.front());
    const std::string a = four.operands.front().in, b = six.operands.front().in;
    when.add(rule.protocol == "icmpv4" ? a : rule.protocol == "icmpv6" ? b : fmt::format("({} or {})", a, b), 2);
}

// They say nothing about packets.
constexpr std::string_view kSilent[] = {
    "msg",       "sid",      "rev",    "gid",       "classtype",        "priority",
    "reference", "metadata", "target", "threshold", "detection_filter", "fast_pattern",
    "rawbytes",  "noalert"};

void add_option(const SuricataRule& rule, std::size_t& index, std::string& buffer, Condition& when) {
    const SuricataOption& option = rule.options[index];
    if (std::find(std::begin(kSilent), std::end(kSilent), option.name) != std::end(kSilent)) return;
    if (option.name == "content") return add_suricata_content(rule, index, buffer, when);
    if (is_suricata_buffer(option.name)) return void(buffer = option.name);
    if (option.name == "pkt_data") return buffer.clear();
    if (option.name == "flow") return add_flow(option.value, when);
    if (option.name == "flags" || option.name == "tcp.flags") return add_flags(option.value, when);
    if (option.name == "dsize") return add_number("payload.len", 65535, option.value, when);
    if (option.name == "ttl") return add_number("ip.ttl", 255, option.value, when);
    if (option.name == "id") return add_number("ip.id", 65535, option.value, when);
    if (option.name == "seq" || option.name == "tcp.seq") return add_number("tcp.seq", UINT32_MAX, option.value, when);
    if (option.name == "ack" || option.name == "tcp.ack")
        return add_number("tcp.ack_seq", UINT32_MAX, option.value, when);
    if (option.name == "window" || option.name == "tcp.window")
        return add_number("tcp.window", 65535, option.value, when);
    if (option.name == "tcp.mss") return add_number("tcp.mss", 65535, option.value, when);
    if (option.name == "itype") return add_icmp(rule, "type", option.value, when);
    if (option.name == "icode") return add_icmp(rule, "code", option.value, when);
    if (option.name == "icmp_id") return add_icmp(rule, "id", option.value, when);
    if (option.name == "ip_proto") return add_protocol(option.value, when);
    if (option.name == "sameip") return when.add("ip.src == ip.dst");
    refuse(when, fmt::format("`{}` cannot be said", one_line(option.name, 40)));
}

}  // namespace

void add_suricata_options(const SuricataRule& rule, Condition& when) {
    std::string buffer;
    for (std::size_t i = 0; i < rule.options.size(); ++i) add_option(rule, i, buffer, when);
}

}  // namespace weir::tooling::imports
