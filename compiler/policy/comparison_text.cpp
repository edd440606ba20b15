// Tested by tests/unit/analysis/policy_diff_test.cpp with `the classes of two policies`.
#include "compiler/policy/comparison_text.h"

#include <algorithm>

#include <fmt/format.h>

#include "compiler/packet/value_names.h"
#include "compiler/policy/condition_text.h"
#include "compiler/policy/identity.h"

namespace weir::policy {
namespace {

constexpr std::uint64_t kAll = ~std::uint64_t{0};
constexpr std::uint64_t kMacBits = 48;

using Text = std::optional<std::string>;

std::string name(packet::FieldId field) { return packet::field_name(field); }

// "10.0.0.0/8" as an address with a length; the address alone where the length is whole.
std::string net_text(const IpAddress& address, std::uint8_t length) {
    const std::uint8_t whole = address.version == 4 ? 32 : 128;
    return length == whole ? to_string(address) : to_string(IpPrefix{address, length});
}

IpAddress next_address(IpAddress address) {
    for (std::size_t i = address.version == 4 ? 4 : 16; i-- > 0;)
        if (++address.bytes[i] != 0) break;
    return address;
}

// The widest network that begins at `first` and ends at or before `last`.
IpPrefix widest(const IpAddress& first, const IpAddress& last) {
    IpPrefix net{first, static_cast<std::uint8_t>(first.version == 4 ? 32 : 128)};
    while (net.length > 0) {
        const IpPrefix wider = network({first, static_cast<std::uint8_t>(net.length - 1)});
        if (wider.address != first || last_address(wider) > last) break;
        net = wider;
    }
    return net;
}

std::string mac_text(std::uint64_t value) {
    MacAddress mac;
    for (std::size_t i = 0; i < mac.bytes.size(); ++i) mac.bytes[i] = static_cast<std::uint8_t>(value >> (40 - 8 * i));
    return to_string(mac);
}

// Networks of MAC addresses that make up the range.
void add_macs(std::uint64_t first, std::uint64_t last, std::vector<std::string>& texts) {
    while (first <= last && first >> kMacBits == 0) {
        std::uint64_t free = 0;  // bits
        while (free < kMacBits && (first >> free & 1) == 0 && first + (std::uint64_t{2} << free) - 1 <= last) ++free;
        texts.push_back(free == 0 ? mac_text(first) : fmt::format("{}/{}", mac_text(first), kMacBits - free));
        first += std::uint64_t{1} << free;
    }
}

std::string joined(const std::vector<std::string>& texts) {
    std::string all;
    for (const std::string& text : texts) all += (all.empty() ? "" : ", ") + text;
    return all;
}

// "x == a", "x != a", "x in { a, b }", "x not in …"; a range or a network is no value that `==` takes.
std::string membership(const std::string& left, const std::vector<std::string>& of, bool negated) {
    const bool is_one = of.size() == 1;
    const bool is_value = is_one && of[0].find('/') == std::string::npos && of[0].find("..") == std::string::npos;
    if (is_value) return fmt::format("{} {} {}", left, negated ? "!=" : "==", of[0]);
    return fmt::format("{} {} {}", left, negated ? "not in" : "in", is_one ? of[0] : "{ " + joined(of) + " }");
}

class Writer {
public:
    explicit Writer(const TypedPolicy& policy) : policy_(policy) {}

    Text text(const Constant& node) const { return node.value ? "true" : "false"; }
    Text text(const And&) const { return std::nullopt; }
    Text text(const Or&) const { return std::nullopt; }
    Text text(const Not&) const { return std::nullopt; }
    Text text(const Flag& node) const { return name(node.field) + (node.value ? "" : " == false"); }
    Text text(const FlagCompare& node) const { return compared(node); }
    Text text(const AddressCompare& node) const { return compared(node); }
    Text text(const MacCompare& node) const { return compared(node); }
    Text text(const TextCompare& node) const { return compared(node); }
    Text text(const NumberCompare& node) const {
        constexpr std::string_view kSigns[] = {"==", "!=", "<", "<=", ">", ">="};
        return fmt::format("{} {} {}", number(node.lhs), kSigns[static_cast<std::size_t>(node.relation)],
                           number(node.rhs));
    }
    Text text(const NumberIn& node) const;
    Text text(const AddressIn& node) const {
        if (node.ranges.empty()) return std::nullopt;
        std::vector<std::string> of;
        for (const IpRange& range : node.ranges)
            for (std::string& one : range_texts(range)) of.push_back(std::move(one));
        return membership(name(node.field), of, node.negated);
    }
    Text text(const MacIn& node) const {
        std::vector<std::string> of;
        for (const auto& [first, last] : node.ranges) add_macs(first, last, of);
        return of.empty() ? Text() : membership(name(node.field), of, node.negated);
    }
    Text text(const InSet& node) const {
        const Set& set = policy_.sets[static_cast<std::size_t>(node.set)];
        if (set.name.empty()) return std::nullopt;
        std::string keys;
        for (const packet::FieldId field : node.keys) keys += (keys.empty() ? "" : ", ") + name(field);
        if (node.keys.size() > 1) keys = "(" + keys + ")";
        return fmt::format("{} {} {}", keys, node.negated ? "not in" : "in", set.name);
    }
    Text text(const IfaceMatch& node) const { return matched("iface", node.op, node.negated, node.text); }
    Text text(const PayloadMatch& node) const { return matched("payload", node.op, node.negated, node.bytes); }
    Text text(const TextMatch& node) const { return matched(name(node.field), node.op, node.negated, node.text); }
    Text text(const PayloadSlice& node) const {
        return matched(fmt::format("payload[{}:{}]", node.offset, node.bytes.size()), BytesOp::kEq, node.negated,
                       node.bytes);
    }

private:
    template <typename Node>
    static std::string compared(const Node& node) {
        return fmt::format("{} {} {}", name(node.lhs), node.negated ? "!=" : "==", name(node.rhs));
    }
    static bool is_length(const packet::Field& field) {
        return packet::is_name_or_text(field.type) || field.type == packet::Type::kBytes;
    }
    // The bits that the value may have.
    static std::uint64_t value_mask(const packet::Field& field) { return is_length(field) ? 0xffff : field.mask; }
    static std::string number(const Number& number) {
        const packet::Field& field = packet::field(number.field);
        if (is_length(field)) return fmt::format("len({})", name(number.field));
        const bool is_masked = (number.mask & field.mask) != field.mask;
        return is_masked ? fmt::format("{} & {:#x}", name(number.field), number.mask) : name(number.field);
    }
    static std::string value_text(packet::FieldId field, std::uint64_t value) {
        for (const packet::ValueName& known : packet::value_names(field))
            if (known.value == value) return std::string(known.name);
        return field == packet::FieldId::kEthType || field == packet::FieldId::kTlsVersion
                   ? fmt::format("{:#06x}", value)
                   : fmt::to_string(value);
    }
    static Text duration(const NumberIn& node);
    static Text matched(const std::string& field, BytesOp op, bool negated, const std::string& bytes) {
        constexpr std::string_view kWords[] = {
            "==", "contains", "starts_with", "ends_with", "contains nocase", "starts_with nocase", "ends_with nocase"};
        if (op == BytesOp::kEq) return fmt::format("{} {} \"{}\"", field, negated ? "!=" : "==", quoted(bytes));
        if (negated) return std::nullopt;  // no operator says that
        return fmt::format("{} {} \"{}\"", field, kWords[static_cast<std::size_t>(op)], quoted(bytes));
    }

    const TypedPolicy& policy_;
};

// Ranges without an end on one side, as `<=` and `>` say them.
Text Writer::duration(const NumberIn& node) {
    if (node.ranges.size() != 1) return std::nullopt;
    const auto& [first, last] = node.ranges.front();
    const std::string left = name(node.number.field);
    if (first == 0 && last != kAll) {
        if (const auto most = duration_text(last))
            return fmt::format("{} {} {}", left, node.negated ? ">" : "<=", *most);
        const auto bound = duration_text(last + 1);
        return bound ? Text(fmt::format("{} {} {}", left, node.negated ? ">=" : "<", *bound)) : std::nullopt;
    }
    const std::uint64_t most = packet::field(node.number.field).mask;
    if (first == 0 || last < most) return std::nullopt;
    if (const auto least = duration_text(first))
        return fmt::format("{} {} {}", left, node.negated ? "<" : ">=", *least);
    const auto bound = duration_text(first - 1);
    return bound ? Text(fmt::format("{} {} {}", left, node.negated ? "<=" : ">", *bound)) : std::nullopt;
}

Text Writer::text(const NumberIn& node) const {
    const packet::Field& field = packet::field(node.number.field);
    if (node.ranges.empty()) return std::nullopt;
    if (field.type == packet::Type::kDuration) return duration(node);
    const std::uint64_t most = value_mask(field) & node.number.mask;
    const std::string left = number(node.number);
    const bool is_masked = left.find('&') != std::string::npos;
    const auto text_of = [&](std::uint64_t value) {
        return is_masked ? fmt::format("{:#x}", value) : value_text(node.number.field, value);
    };
    if (node.ranges.size() == 1 && !is_masked) {
        const auto& [first, last] = node.ranges.front();
        if (first == last) return fmt::format("{} {} {}", left, node.negated ? "!=" : "==", text_of(first));
        if (last >= most) return fmt::format("{} {} {}", left, node.negated ? "<" : ">=", first);
        if (first == 0) return fmt::format("{} {} {}", left, node.negated ? ">" : "<=", last);
    }
    std::vector<std::string> of;
    for (const auto& [first, last] : node.ranges) {
        if (first > most) continue;
        of.push_back(first == last ? text_of(first) : fmt::format("{}..{}", first, std::min(last, most)));
    }
    return of.empty() ? Text() : membership(left, of, node.negated);
}

std::string size_text(std::uint64_t bytes) {
    constexpr std::pair<std::uint64_t, std::string_view> kUnits[] = {
        {1'000'000'000, "GB"}, {1'000'000, "MB"}, {1'000, "KB"}};
    for (const auto& [unit, word] : kUnits)
        if (bytes % unit == 0) return fmt::format("{}{}", bytes / unit, word);
    return fmt::format("{}B", bytes);
}

std::string_view unit_text(std::uint64_t ns) {
    return ns == 1'000'000'000 ? "s" : ns == 60'000'000'000 ? "min" : ns == 3'600'000'000'000 ? "h" : "d";
}

}  // namespace

std::optional<std::string> duration_text(std::uint64_t ns) {
    struct Unit {
        std::string_view word;
        std::uint64_t ns;
    };
    constexpr Unit kUnits[] = {{"d", 86'400'000'000'000}, {"h", 3'600'000'000'000}, {"m", 60'000'000'000},
                               {"s", 1'000'000'000},      {"ms", 1'000'000},        {"us", 1'000}};
    for (const Unit& unit : kUnits)
        if (ns % unit.ns == 0 && ns != 0) return fmt::format("{}{}", ns / unit.ns, unit.word);
    return ns == 0 ? std::optional<std::string>("0s") : std::nullopt;
}

std::string quoted(std::string_view bytes) {
    std::string text;
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\')
            text += {'\\', c};
        else if (c == '\n')
            text += "\\n";
        else if (c == '\t')
            text += "\\t";
        else if (byte < 0x20 || byte >= 0x7f)
            text += fmt::format("\\x{:02x}", byte);
        else
            text += c;
    }
    return text;
}

std::vector<std::string> range_texts(const IpRange& range) {
    const IpPrefix first = widest(range.first, range.last);
    if (last_address(first) == range.last) return {net_text(first.address, first.length)};
    const IpAddress then = next_address(last_address(first));
    const IpPrefix second = widest(then, range.last);
    if (last_address(second) == range.last)
        return {net_text(first.address, first.length), net_text(second.address, second.length)};
    return {fmt::format("{}..{}", to_string(range.first), to_string(range.last))};
}

std::optional<std::string> comparison_text(const TypedPolicy& policy, const Comparison& comparison) {
    const Writer writer(policy);
    return std::visit([&](const auto& node) { return writer.text(node); }, comparison);
}

std::string term_text(const TypedPolicy& policy, const StateTerm& term, bool within) {
    constexpr std::string_view kWords[] = {"rate", "byterate", "count", "distinct", "share", "surge", "throttle"};
    const std::string keys = identity(term.keys), window = duration_text(term.unit_ns).value_or("0s");
    const auto behind = [](const std::string& text) { return text.empty() ? "" : text + ", "; };
    const auto by = [&] { return keys.empty() ? "" : "by " + keys + ", "; };
    std::string inside, limit = fmt::to_string(term.limit), burst;
    switch (term.kind) {
        case TermKind::kRate:
        case TermKind::kThrottle:
            inside = keys;
            limit += fmt::format("/{}", unit_text(term.unit_ns));
            if (term.burst != term.limit) burst = fmt::format(" burst {}", term.burst);
            break;
        case TermKind::kByteRate:
            inside = keys;
            limit = fmt::format("{}/{}", size_text(term.limit), unit_text(term.unit_ns));
            if (term.burst != term.limit) burst = fmt::format(" burst {}", size_text(term.burst));
            break;
        case TermKind::kCount: inside = fmt::format("{}in {}", behind(keys), window); break;
        case TermKind::kDistinct: inside = fmt::format("{}, {}in {}", identity({*term.value}), by(), window); break;
        case TermKind::kShare:
            inside =
                fmt::format("{}, {}in {}, of {}", condition_text(policy, term.condition), by(), window, term.least);
            limit = to_string(Share{term.limit});
            break;
        case TermKind::kSurge: {
            constexpr std::uint64_t kUsualFloor = 100;
            inside = fmt::format("{}in {}", behind(keys), window);
            if (term.least != kUsualFloor) inside += fmt::format(", floor {}", term.least);
            break;
        }
    }
    return fmt::format("{}({}) {} {}{}", kWords[static_cast<std::size_t>(term.kind)], inside, within ? "<=" : ">",
                       limit, burst);
}

std::string change_text(const TypedPolicy& policy, const SetChange& change) {
    std::string keys = identity(change.keys);
    if (change.keys.size() > 1) keys = "(" + keys + ")";
    const std::string& set = policy.sets[static_cast<std::size_t>(change.set)].name;
    if (!change.adds) return fmt::format("remove {} from {}", keys, set);
    std::string text = fmt::format("add {} to {}", keys, set);
    if (change.for_ns != 0) text += " for " + duration_text(change.for_ns).value_or(fmt::format("{}ns", change.for_ns));
    return text;
}

}  // namespace weir::policy
