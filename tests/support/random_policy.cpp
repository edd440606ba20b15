#include "tests/support/random_policy.h"

#include <algorithm>
#include <deque>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "compiler/packet/fields.h"
#include "grammar/value.h"
#include "tests/support/random_inside.h"

namespace weir::tests {
namespace {

using packet::Field;
using packet::Type;

// The fields of the packet within a tunnel, by their own names.
const std::vector<Field>& inner_fields() {
    static const std::vector<Field> all = [] {
        static std::deque<std::string> names;
        std::vector<Field> found;
        for (Field field : packet::fields()) {
            field.id = packet::field_id(packet::Layer::kInner, packet::row_of(field.id));
            if (!packet::is_supported(field.id)) continue;
            field.name = names.emplace_back(packet::field_name(field.id));
            found.push_back(field);
        }
        return found;
    }();
    return all;
}

class Generator {
public:
    explicit Generator(Random& random) : random_(random) {
        for (const Field& field : packet::fields()) by_type_[field.type].push_back(&field);
        for (const Field& field : inner_fields()) inner_by_type_[field.type].push_back(&field);
    }
    RandomPolicy policy();

private:
    Condition condition(unsigned depth);
    Condition flow();
    std::string leaf();
    std::string number_leaf(const Field& field);
    std::string address_leaf(const Field& field);
    std::string mac_leaf(const Field& field);
    std::string flag_leaf(const Field& field);
    std::string name_leaf();
    std::string payload_leaf();
    std::string tuple_leaf();
    std::string set_leaf();

    std::uint64_t number(const Field& field);
    std::string number_text(std::uint64_t value) {
        return random_.one_in(3) ? fmt::format("0x{:x}", value) : std::to_string(value);
    }
    IpAddress address();
    std::string network_text();
    std::string addresses_text();
    Bytes mac();
    std::string mac_prefix();
    Bytes payload_bytes(std::size_t length);
    std::string literal(const Bytes& bytes);
    const Field& of_type(Type type) {
        const auto& inner = inner_by_type_[type];
        return *random_.of(!inner.empty() && random_.one_in(4) ? inner : by_type_[type]);
    }
    void add_lets();
    void add_sets();

    Random& random_;
    std::map<Type, std::vector<const Field*>> by_type_, inner_by_type_;
    RandomPolicy policy_;
    std::vector<std::string> conditions_;  // lets that are conditions
    struct NamedSet {
        std::string name;
        std::vector<Type> types;
        unsigned bits = 0;  // of integers
    };
    std::vector<NamedSet> sets_;
};

std::string text_of(const Bytes& mac) {
    return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

// Half of the values are those that the fields have in ordinary packets.
std::uint64_t Generator::number(const Field& field) {
    const std::uint64_t max = (std::uint64_t{1} << field.bits) - 1;
    static const std::vector<std::uint64_t> kUsual{
        0,  1,  2,  4,  6,  7,   8,   16,  17,  18,  20,     22,     24,     40,   44,   53,   54,   58,
        60, 63, 64, 65, 80, 128, 132, 255, 443, 512, 0x0800, 0x0806, 0x86dd, 1460, 1500, 4000, 65535};
    std::uint64_t value = random_.below(4) != 0 ? random_.of(kUsual) : random_.next();
    if (random_.one_in(8)) value = max - random_.below(2);
    value = std::min(value > max && random_.one_in(2) ? value & max : value, max);
    policy_.hints.numbers[std::string(field.name)].push_back(value);
    return value;
}

IpAddress Generator::address() {
    IpAddress address;
    const bool six = random_.one_in(3);
    address.version = six ? 6 : 4;
    Bytes bytes = hex(six                 ? random_.one_in(2) ? kSource6 : kDestination6
                      : random_.one_in(2) ? kSource4
                                          : kDestination4);
    if (random_.one_in(2)) bytes.back() = static_cast<std::uint8_t>(random_.next());
    if (random_.one_in(4)) bytes[random_.below(bytes.size())] = static_cast<std::uint8_t>(random_.next());
    if (random_.one_in(16)) std::fill(bytes.begin(), bytes.end(), random_.one_in(2) ? 0 : 0xff);
    std::copy(bytes.begin(), bytes.end(), address.bytes.begin());
    (six ? policy_.hints.addresses6 : policy_.hints.addresses4).push_back(bytes);
    return address;
}

std::string Generator::network_text() {
    const IpAddress base = address();
    if (random_.one_in(3)) return weir::to_string(base);
    const unsigned bits = base.version == 4 ? 32 : 128;
    return weir::to_string(network(
        {base, static_cast<std::uint8_t>(random_.one_in(3) ? random_.below(bits + 1) : bits - random_.below(9))}));
}

std::string Generator::addresses_text() {
    if (random_.below(4) != 0) return network_text();
    IpAddress first = address(), last = first;
    const std::size_t at = last.version == 4 ? 3 : 15;
    const std::uint8_t low = first.bytes[at];
    last.bytes[at] = static_cast<std::uint8_t>(low + random_.below(256u - low));
    if (random_.one_in(3) && last.bytes[at - 1] < 255) ++last.bytes[at - 1];
    return weir::to_string(first) + ".." + weir::to_string(last);
}

Bytes Generator::mac() {
    Bytes bytes = hex("020000000001");
    if (random_.one_in(2)) bytes[5] = static_cast<std::uint8_t>(random_.below(4));
    if (random_.one_in(6)) bytes[random_.below(6)] = static_cast<std::uint8_t>(random_.next());
    policy_.hints.macs.push_back(bytes);
    return bytes;
}

// Packets have addresses at its ends, and beside them.
std::string Generator::mac_prefix() {
    const auto length = static_cast<std::uint8_t>(random_.one_in(3) ? random_.below(49) : 8 * random_.between(3, 6));
    MacPrefix prefix{*parse_mac(text_of(mac())), length};
    prefix.address = first_address(prefix);
    const MacAddress end = random_.one_in(2) ? prefix.address : last_address(prefix);
    policy_.hints.macs.emplace_back(end.bytes.begin(), end.bytes.end());
    return weir::to_string(prefix);
}

Bytes Generator::payload_bytes(std::size_t length) {
    Bytes bytes(length);
    for (std::uint8_t& byte : bytes)
        byte = static_cast<std::uint8_t>(random_.one_in(16) ? random_.next() : 'a' + random_.below(2));
    for (std::uint8_t& byte : bytes)
        if (random_.one_in(8)) byte ^= 0x20;  // the other letter, and pairs such as @ and `
    return bytes;
}

std::string Generator::literal(const Bytes& bytes) {
    if (random_.one_in(2)) return "hex\"" + to_hex(bytes) + "\"";
    std::string out = "\"";
    for (const std::uint8_t byte : bytes)
        out += byte >= 'a' && byte <= 'z' ? std::string(1, static_cast<char>(byte)) : fmt::format("\\x{:02x}", byte);
    return out + "\"";
}

std::string Generator::number_leaf(const Field& field) {
    std::string left(field.name);
    std::uint64_t max = (std::uint64_t{1} << field.bits) - 1;
    if (field.type == Type::kUint && random_.one_in(4)) {
        const std::uint64_t mask =
            random_.one_in(2) ? std::uint64_t{1} << random_.below(field.bits) : random_.next() & max;
        left += fmt::format(" & 0x{:x}", mask);
    }
    static const std::vector<std::string> kOps{"==", "!=", "<", "<=", ">", ">="};
    switch (random_.below(6)) {
        case 0: {  // against another field
            const Field& other = of_type(field.type);
            return fmt::format("{} {} {}{}", left, random_.of(kOps), other.name,
                               field.type == Type::kUint && random_.one_in(6) ? " & 0xff" : "");
        }
        case 1: {  // a range
            const std::uint64_t first = number(field),
                                last = first + random_.below(std::min<std::uint64_t>(max - first + 1,
                                                                                     random_.one_in(2) ? 4 : max));
            policy_.hints.numbers[std::string(field.name)].push_back(last);
            return fmt::format("{} {} {}..{}", left, random_.one_in(2) ? "in" : "not in", first, last);
        }
        case 2: {  // a set, now and then a large one
            std::vector<std::string> elements;
            const std::size_t count = random_.one_in(5) ? random_.between(9, 40) : random_.between(1, 5);
            for (std::size_t i = 0; i < count; ++i) {
                const std::uint64_t first = number(field);
                elements.push_back(random_.one_in(3) ? fmt::format("{}..{}", first,
                                                                   first + random_.below(std::min<std::uint64_t>(
                                                                               max - first + 1, 100)))
                                                     : number_text(first));
            }
            return fmt::format("{} {} {{ {} }}", left, random_.one_in(2) ? "in" : "not in", fmt::join(elements, ", "));
        }
        default: return fmt::format("{} {} {}", left, random_.of(kOps), number_text(number(field)));
    }
}

std::string Generator::address_leaf(const Field& field) {
    const bool negated = random_.one_in(3);
    switch (random_.below(4)) {
        case 0: return fmt::format("{} {} {}", field.name, negated ? "!=" : "==", of_type(Type::kIp).name);
        case 1: return fmt::format("{} {} {}", field.name, negated ? "!=" : "==", weir::to_string(address()));
        default: break;
    }
    std::vector<std::string> elements;
    const std::size_t count = random_.one_in(5) ? random_.between(9, 30) : random_.between(1, 4);
    for (std::size_t i = 0; i < count; ++i) elements.push_back(addresses_text());
    if (elements.size() == 1 && elements[0].find_first_of("/.") != std::string::npos &&
        (elements[0].find('/') != std::string::npos || elements[0].find("..") != std::string::npos))
        return fmt::format("{} {} {}", field.name, negated ? "not in" : "in", elements[0]);
    return fmt::format("{} {} {{ {} }}", field.name, negated ? "not in" : "in", fmt::join(elements, ", "));
}

std::string Generator::mac_leaf(const Field& field) {
    const bool negated = random_.one_in(3);
    if (random_.one_in(3)) return fmt::format("{} {} {}", field.name, negated ? "!=" : "==", of_type(Type::kMac).name);
    if (random_.one_in(2)) return fmt::format("{} {} {}", field.name, negated ? "!=" : "==", text_of(mac()));
    std::vector<std::string> elements;
    if (random_.one_in(4)) return fmt::format("{} {} {}", field.name, negated ? "not in" : "in", mac_prefix());
    for (std::size_t i = random_.between(1, random_.one_in(4) ? 20 : 4); i > 0; --i)
        elements.push_back(random_.one_in(4) ? mac_prefix() : text_of(mac()));
    return fmt::format("{} {} {{ {} }}", field.name, negated ? "not in" : "in", fmt::join(elements, ", "));
}

std::string Generator::flag_leaf(const Field& field) {
    switch (random_.below(6)) {
        case 0: return fmt::format("{} {} {}", field.name, random_.one_in(2) ? "==" : "!=", random_.one_in(2));
        case 1: return fmt::format("{} {} {}", field.name, random_.one_in(2) ? "==" : "!=", of_type(Type::kBool).name);
        default: return std::string(field.name);
    }
}

std::string Generator::payload_leaf() {
    const std::size_t length = random_.one_in(10) ? random_.between(60, 64) : random_.below(5);
    const bool negated = random_.one_in(3);
    if (random_.one_in(3)) {
        const std::size_t bytes = std::max<std::size_t>(length, 1),
                          offset = random_.one_in(4) ? random_.below(1025 - bytes) : random_.below(6);
        const auto slice_literal = [&] {
            const Bytes wanted = payload_bytes(bytes);
            policy_.hints.payloads.push_back(Bytes(offset, 'a') + wanted);
            return literal(wanted);
        };
        if (random_.one_in(3))
            return fmt::format("payload[{}:{}] {} {{ {}, {} }}", offset, bytes, negated ? "not in" : "in",
                               slice_literal(), slice_literal());
        return fmt::format("payload[{}:{}] {} {}", offset, bytes, negated ? "!=" : "==", slice_literal());
    }
    const Bytes wanted = payload_bytes(length);
    Bytes hint = wanted;
    if (random_.one_in(2))
        for (std::uint8_t& byte : hint)
            if (random_.one_in(2)) byte ^= 0x20;
    policy_.hints.payloads.push_back(hint);
    static const std::vector<std::string> kOps{"contains", "starts_with",     "ends_with",          "==",
                                               "!=",       "contains nocase", "starts_with nocase", "ends_with nocase"};
    if (random_.one_in(6))
        return fmt::format("payload {} {{ {}, {} }}", negated ? "not in" : "in", literal(wanted),
                           literal(payload_bytes(2)));
    return fmt::format("payload {} {}", random_.of(kOps), literal(wanted));
}

std::string Generator::tuple_leaf() {
    std::vector<const Field*> fields;
    for (std::size_t i = random_.between(2, 3); i > 0; --i) {
        static const std::vector<Type> kParts{Type::kIp, Type::kPort, Type::kUint, Type::kMac};
        fields.push_back(&of_type(random_.of(kParts)));
    }
    std::vector<std::string> names, tuples;
    for (const Field* field : fields) names.emplace_back(field->name);
    const bool exact = random_.one_in(2);
    for (std::size_t i = random_.between(1, 5); i > 0; --i) {
        std::vector<std::string> values;
        for (const Field* field : fields) {
            if (field->type == Type::kIp)
                values.push_back(exact ? weir::to_string(address()) : addresses_text());
            else if (field->type == Type::kMac)
                values.push_back(text_of(mac()));
            else
                values.push_back(exact || random_.one_in(2) ? number_text(number(*field))
                                                            : fmt::format("{}..{}", 0, number(*field)));
        }
        tuples.push_back(fmt::format("({})", fmt::join(values, ", ")));
    }
    return fmt::format("({}) {} {{ {} }}", fmt::join(names, ", "), random_.one_in(3) ? "not in" : "in",
                       fmt::join(tuples, ", "));
}

std::string Generator::set_leaf() {
    const NamedSet& set = random_.of(sets_);
    std::vector<std::string> names;
    for (const Type type : set.types) {
        const Field* field = &of_type(type);
        while (type == Type::kUint && field->bits > set.bits) field = &of_type(type);
        names.emplace_back(field->name);
    }
    const std::string key = names.size() == 1 ? names[0] : fmt::format("({})", fmt::join(names, ", "));
    return fmt::format("{} {} {}", key, random_.one_in(3) ? "not in" : "in", set.name);
}

std::string Generator::name_leaf() {
    if (random_.one_in(2)) return random_name_leaf(random_, policy_.hints, std::string(of_type(Type::kDomain).name));
    const Field& field = of_type(Type::kText);
    const Field& other = of_type(Type::kText);
    if (field.id == packet::FieldId::kIface) return random_iface_leaf(random_);
    return random_text_leaf(random_, policy_.hints, std::string(field.name),
                            std::string((other.id == packet::FieldId::kIface ? field : other).name));
}

std::string Generator::leaf() {
    switch (random_.below(19)) {
        case 16:
        case 17:
        case 18: return name_leaf();
        case 0:
        case 1: return payload_leaf();
        case 2: return tuple_leaf();
        case 3:
        case 4:
            if (!sets_.empty()) return set_leaf();
            break;
        case 5:
            if (!conditions_.empty()) return random_.of(conditions_);
            break;
        case 6: return random_.one_in(8) ? (random_.one_in(2) ? "true" : "false") : flag_leaf(of_type(Type::kBool));
        case 7:
            if (random_.one_in(4)) return random_iface_leaf(random_);
            [[fallthrough]];
        case 8: return flag_leaf(of_type(Type::kBool));
        case 9:
        case 10: return address_leaf(of_type(Type::kIp));
        case 11: return mac_leaf(of_type(Type::kMac));
        case 12:
        case 13: return number_leaf(of_type(Type::kPort));
        default: break;
    }
    return number_leaf(of_type(Type::kUint));
}

Condition Generator::condition(unsigned depth) {
    if (depth == 0 || random_.one_in(3)) return {Condition::Kind::kLeaf, leaf(), {}};
    const std::uint64_t kind = random_.below(5);
    Condition made{kind == 0   ? Condition::Kind::kNot
                   : kind <= 2 ? Condition::Kind::kAnd
                               : Condition::Kind::kOr,
                   {},
                   {}};
    for (std::size_t i = kind == 0 ? 1 : random_.between(2, 4); i > 0; --i)
        made.operands.push_back(condition(depth - 1));
    return made;
}

// What most rules of large policies are: ends, ports, protocol, one behind the other; now and then something else, too.
Condition Generator::flow() {
    Condition made{Condition::Kind::kAnd, {}, {}};
    const auto add = [&](std::string text) { made.operands.push_back({Condition::Kind::kLeaf, std::move(text), {}}); };
    static const std::vector<std::string> kPorts{"tcp.dport", "tcp.dport", "udp.dport",
                                                 "port.dst",  "tcp.sport", "port.src"};
    static const std::vector<std::string> kProtocols{"tcp",  "udp", "ip4", "ip6", "ip.proto == 6", "ip.proto == 17",
                                                     "icmp", "arp"};
    for (const char* end : {"ip.src", "ip.dst"})
        if (random_.one_in(2))
            add(fmt::format("{} in {}", end,
                            random_.one_in(3) ? fmt::format("{{ {}, {} }}", addresses_text(), addresses_text())
                                              : fmt::format("{{ {} }}", addresses_text())));
    if (random_.one_in(2)) {
        const Field& field = packet::field(*packet::find_field(random_.of(kPorts)));
        const std::uint64_t first = number(field),
                            last =
                                random_.one_in(2) ? first : std::min<std::uint64_t>(65535, first + random_.below(1024));
        add(first == last ? fmt::format("{} == {}", field.name, first)
                          : fmt::format("{} in {}..{}", field.name, first, last));
    }
    if (random_.one_in(3)) add(random_.of(kProtocols));
    if (random_.one_in(5) || made.operands.empty()) add(leaf());
    if (random_.one_in(8)) made.operands.push_back(condition(2));
    return made;
}

void Generator::add_lets() {
    for (std::size_t i = random_.below(4); i > 0; --i) {
        const std::string name = fmt::format("cond{}", i);
        policy_.items.push_back(fmt::format("let {} = {}", name, condition(2).to_text()));
        conditions_.push_back(name);
    }
    if (random_.one_in(3)) {
        policy_.items.push_back("let between(f, low, high) = f >= low and f <= high");
        const Field& field = of_type(Type::kPort);
        const std::uint64_t low = number(field);
        conditions_.push_back(fmt::format("between({}, {}, {})", field.name, low, std::max(low, number(field))));
        policy_.items.push_back("let among(f, s) = f in s or f not in s");
        conditions_.push_back(fmt::format("among({}, {{ {} }})", of_type(Type::kIp).name, addresses_text()));
    }
}

void Generator::add_sets() {
    struct Kind {
        const char* words;
        std::vector<Type> types;
        unsigned bits;
    };
    static const std::vector<Kind> kKinds{{"ip", {Type::kIp}, 0},
                                          {"net", {Type::kIp}, 0},
                                          {"port", {Type::kPort}, 16},
                                          {"mac", {Type::kMac}, 0},
                                          {"domain", {Type::kDomain}, 0},
                                          {"u8", {Type::kUint}, 8},
                                          {"u16", {Type::kUint}, 16},
                                          {"u32", {Type::kUint}, 32},
                                          {"(ip, port)", {Type::kIp, Type::kPort}, 0},
                                          {"(net, u8)", {Type::kIp, Type::kUint}, 8},
                                          {"(u8, net)", {Type::kUint, Type::kIp}, 8},
                                          {"(mac, ip, ip)", {Type::kMac, Type::kIp, Type::kIp}, 0}};
    for (std::size_t i = random_.below(4); i > 0; --i) {
        const Kind& kind = random_.of(kKinds);
        const std::string words = kind.words, name = fmt::format("set{}", i);
        std::string lines;
        std::vector<std::string> elements;  // that stand in the policy
        const bool has_file = random_.one_in(2), has_both = random_.one_in(3);
        for (std::size_t k = random_.one_in(6) ? 0 : random_.between(1, 12); k > 0; --k) {
            std::vector<std::string> parts;
            for (const Type type : kind.types) {
                if (type == Type::kIp)
                    parts.push_back(words.find("net") != std::string::npos ? network_text()
                                                                           : weir::to_string(address()));
                else if (type == Type::kMac)
                    parts.push_back(text_of(mac()));
                else if (type == Type::kDomain)
                    parts.push_back(random_entry(random_, policy_.hints));
                else {
                    const Field* field = &of_type(type);
                    while (type == Type::kUint && field->bits > kind.bits) field = &of_type(type);
                    parts.push_back(std::to_string(number(*field)));
                }
            }
            const std::string entry = fmt::format("{}", fmt::join(parts, ", "));
            if (has_both ? random_.one_in(2) : !has_file)
                elements.push_back(kind.types.front() == Type::kDomain ? quoted(entry)
                                   : parts.size() == 1                 ? entry
                                                                       : "(" + entry + ")");
            else
                lines += entry + "\n";
        }
        policy_.files[name + ".list"] = lines;
        const bool is_listed = has_file || has_both || elements.empty();
        policy_.items.push_back(
            fmt::format("set {} : {}{}{}", name, words, is_listed ? fmt::format(" from \"{}.list\"", name) : "",
                        elements.empty() ? "" : fmt::format(" = {{ {} }}", fmt::join(elements, ", "))));
        sets_.push_back({name, kind.types, kind.bits});
    }
}

RandomPolicy Generator::policy() {
    add_sets();
    add_lets();
    static const std::vector<std::string> kAlerts{"first", "second", "third"};
    for (const std::string& alert : kAlerts)
        policy_.items.push_back(fmt::format("alert {} {{ message \"{{ip.src}}\" }}", alert));
    static const std::vector<std::string> kVerdicts{"", "pass", "drop", "reject", "redirect(\"eth1\")"};
    static const std::vector<std::string> kDefaults{"", "pass", "drop", "reject"}, kOfMalformed{"", "pass", "drop"};
    policy_.default_verdict = random_.of(kDefaults);
    policy_.malformed_verdict = random_.of(kOfMalformed);
    // Few rules are code, many are several functions or a decision structure.
    const std::uint64_t size = random_.below(16);
    const bool large = size < 3;
    std::size_t rules = size == 0   ? random_.between(41, 300)
                        : size <= 5 ? random_.between(17, 40)
                                    : random_.between(1, 10);
    const std::uint64_t observed = large ? random_.between(2, 12) : 3, told = large ? random_.between(2, 20) : 3;
    for (; rules > 0; --rules) {
        Condition made = large && random_.below(4) != 0 ? flow() : condition(static_cast<unsigned>(random_.below(4)));
        RandomRule rule{std::move(made), random_.one_in(observed), false, {}, random_.of(kVerdicts)};
        for (std::size_t k = random_.one_in(told) ? random_.between(1, 3) : 0; k > 0; --k)
            rule.alerts.push_back(random_.of(kAlerts));
        if (rule.alerts.empty() && rule.verdict.empty()) rule.verdict = "drop";
        policy_.rules.push_back(std::move(rule));
    }
    return std::move(policy_);
}

}  // namespace

RandomPolicy random_policy(Random& random) { return some_both_ways(Generator(random).policy(), random); }

}  // namespace weir::tests
