// Tested by tests/unit/analysis/points_test.cpp with `points_of`.
#include "compiler/analysis/points.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "bpf/abi.h"
#include "compiler/packet/packet.h"
#include "compiler/policy/reads.h"
#include "compiler/policy/set_element.h"

namespace weir::analysis {
namespace {

using packet::FieldId;
using Kind = Setting::Kind;

constexpr std::size_t kSearchedBytes = 512;  // that `contains` looks at (docs/limits.md)

Setting flag(FieldId field, bool value) { return {.kind = Kind::kFlag, .field = field, .number = value ? 1u : 0u}; }
Setting number(FieldId field, std::uint64_t value) { return {.kind = Kind::kNumber, .field = field, .number = value}; }
Setting address(FieldId field, const IpAddress& value) {
    return {.kind = Kind::kAddress, .field = field, .address = value};
}
Setting text(FieldId field, std::string value) {
    return {.kind = Kind::kText, .field = field, .text = std::move(value)};
}
Setting payload(std::size_t offset, std::string bytes, packet::PayloadEnd end) {
    return {.kind = Kind::kPayload, .field = FieldId::kPayload, .number = offset, .text = std::move(bytes), .end = end};
}

std::uint64_t widest(FieldId field) {
    const unsigned bits = packet::field(field).bits;
    return bits == 0 || bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
}

// A name or text of so many bytes.
std::string text_of_length(std::uint64_t bytes) {
    std::string made(std::min<std::uint64_t>(bytes, 400), 'a');
    for (std::size_t i = 40; i + 1 < made.size(); i += 41) made[i] = '.';
    return made;
}

std::string other_case(std::string bytes) {
    for (char& c : bytes)
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) c = static_cast<char>(c ^ 0x20);
    return bytes;
}

// Texts beside a literal, by the name of each.
std::vector<std::pair<const char*, std::string>> beside(const std::string& literal) {
    std::vector<std::pair<const char*, std::string>> all{{"equal", literal},
                                                         {"longer at its end", literal + "z"},
                                                         {"longer at its beginning", "a" + literal},
                                                         {"longer at both ends", "a" + literal + "z"}};
    if (literal.empty()) return all;
    all.emplace_back("one byte shorter at its end", literal.substr(0, literal.size() - 1));
    all.emplace_back("one byte shorter at its beginning", literal.substr(1));
    std::string other = literal;
    other.back() = other.back() == 'x' ? 'y' : 'x';
    all.emplace_back("another last byte", other);
    other = literal;
    other.front() = other.front() == 'x' ? 'y' : 'x';
    all.emplace_back("another first byte", other);
    if (other_case(literal) != literal) all.emplace_back("other case", other_case(literal));
    return all;
}

// Which of `count` things are looked at: of many the first, the last and others at random.
std::vector<std::size_t> picked(std::size_t count, std::size_t most, Seeded& random) {
    std::vector<std::size_t> picked;
    if (count <= most) {
        for (std::size_t i = 0; i < count; ++i) picked.push_back(i);
        return picked;
    }
    picked = {0, count - 1};
    while (picked.size() < most) picked.push_back(random.below(count));
    return picked;
}

bool matches(policy::BytesOp op, std::string_view text, std::string_view literal) {
    switch (op) {
        case policy::BytesOp::kEq: return text == literal;
        case policy::BytesOp::kContains:
        case policy::BytesOp::kContainsNocase: return text.find(literal) != std::string_view::npos;
        case policy::BytesOp::kStartsWith:
        case policy::BytesOp::kStartsWithNocase: return text.starts_with(literal);
        case policy::BytesOp::kEndsWith:
        case policy::BytesOp::kEndsWithNocase: break;
    }
    return text.ends_with(literal);
}

template <typename RangesOf, typename Value>
bool is_in(const RangesOf& ranges, const Value& value) {
    return std::any_of(ranges.begin(), ranges.end(),
                       [&](const auto& one) { return one.first <= value && value <= one.second; });
}
bool is_in(const std::vector<IpRange>& ranges, const IpAddress& value) {
    return std::any_of(ranges.begin(), ranges.end(),
                       [&](const IpRange& one) { return one.first <= value && value <= one.last; });
}

class Points {
public:
    Points(const policy::TypedPolicy& policy, std::size_t most, Seeded& random)
        : policy_(policy), most_(most), random_(random) {}

    std::vector<ProbePoint> take() { return std::move(points_); }

    void of(const policy::Constant&) {}
    void of(const policy::And&) {}
    void of(const policy::Or&) {}
    void of(const policy::Not&) {}

    void of(const policy::Flag& node) {
        for (const bool value : {false, true})
            add(value ? "true" : "false", value == node.value, {flag(node.field, value)});
        absent(node.field);
    }
    void of(const policy::FlagCompare& node) {
        for (const bool left : {false, true})
            for (const bool right : {false, true})
                add(fmt::format("{} and {}", left, right), (left == right) != node.negated,
                    {flag(node.lhs, left), flag(node.rhs, right)});
        absent(node.lhs);
        absent(node.rhs);
    }
    void of(const policy::NumberCompare& node) {
        const std::uint64_t most = std::min(widest(node.lhs.field), widest(node.rhs.field));
        const std::uint64_t value = most == 1 ? 1 : random_.between(1, std::min<std::uint64_t>(most - 1, 1200));
        const auto two = [&](const char* name, std::uint64_t left, std::uint64_t right) {
            add(name, compares(left & node.lhs.mask, node.relation, right & node.rhs.mask),
                {number_of(node.lhs, left), number_of(node.rhs, right)});
        };
        two("equal", value, value);
        two("one more", value, value - 1);
        two("one less", value - 1, value);
        two("the least and the most", 0, most);
        two("the most and the least", most, 0);
        for (const std::uint64_t more : {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0}}) {
            copied(compares(value + more, node.relation, value), node.lhs.field, node.rhs.field, more);
            copied(compares(value, node.relation, value + more), node.rhs.field, node.lhs.field, more);
        }
        absent(node.lhs.field);
        absent(node.rhs.field);
    }
    void of(const policy::NumberIn& node) { numbers(node.number, node.ranges, node.negated); }
    void of(const policy::MacIn& node) { numbers({node.field}, node.ranges, node.negated); }
    void of(const policy::MacCompare& node) {
        const std::uint64_t value = random_.next() & widest(node.lhs);
        const auto two = [&](const char* name, std::uint64_t other) {
            add(name, (value == other) != node.negated, {number(node.lhs, value), number(node.rhs, other)});
        };
        two("equal", value);
        two("another last bit", value ^ 1);
        two("another first byte", value ^ (std::uint64_t{2} << 40));
        copied(!node.negated, node.lhs, node.rhs, 0);
        copied(!node.negated, node.rhs, node.lhs, 0);
    }
    void of(const policy::AddressCompare& node) {
        const bool is_ip4_only = packet::field(node.lhs).bits == 32 || packet::field(node.rhs).bits == 32;
        const IpAddress one = packet::random_address(random_, is_ip4_only || random_.one_in(2) ? 4 : 6);
        IpAddress other = one;
        other.bytes[0] ^= 1;
        const auto two = [&](const char* name, const IpAddress& right) {
            add(name, (one == right) != node.negated, {address(node.lhs, one), address(node.rhs, right)});
        };
        two("equal", one);
        two("another last bit", packet::neighbour(one, packet::Side::kAbove));
        two("another first byte", other);
        copied(!node.negated, node.lhs, node.rhs, 0);
        copied(!node.negated, node.rhs, node.lhs, 0);
        absent(node.lhs);
    }
    void of(const policy::AddressIn& node) {
        const auto put = [&](std::string name, const IpAddress& value, bool is_boundary = true) {
            add(std::move(name), is_in(node.ranges, value) != node.negated, {address(node.field, value)}, is_boundary);
        };
        for (const std::size_t i : picked(node.ranges.size(), most_, random_)) {
            const IpRange& one = node.ranges[i];
            const std::string first = to_string(one.first), last = to_string(one.last);
            put(first, one.first);
            if (one.last != one.first) put(last, one.last);
            put("one below " + first, packet::neighbour(one.first, packet::Side::kBelow));
            put("one above " + last, packet::neighbour(one.last, packet::Side::kAbove));
            if (one.first != one.last)
                put("within " + first, packet::address_between(random_, one.first, one.last), false);
        }
        const bool is_ip4_only = packet::field(node.field).bits == 32;
        put("any IPv4 address", packet::random_address(random_, 4), false);
        if (!is_ip4_only) put("any IPv6 address", packet::random_address(random_, 6), false);
        absent(node.field);
    }
    void of(const policy::InSet& node);
    void of(const policy::IfaceMatch& node) {
        constexpr std::size_t kMostBytes = 15;
        for (const auto& [name, value] : beside(node.text))
            if (!value.empty() && value.size() <= kMostBytes)
                interface(name, matches(node.op, value, node.text) != node.negated, value);
        interface("absent", false, "");
    }
    void of(const policy::PayloadMatch& node);
    void of(const policy::PayloadSlice& node);
    void of(const policy::TextMatch& node) {
        for (const auto& [name, value] : beside(node.text))
            add(name, matches(node.op, value, node.text) != node.negated, {text(node.field, value)});
        absent(node.field);
    }
    void of(const policy::TextCompare& node) {
        const auto two = [&](const char* name, const char* left) {
            add(name, (std::string_view(left) == "equal.example") != node.negated,
                {text(node.lhs, left), text(node.rhs, "equal.example")});
        };
        two("equal", "equal.example");
        two("one byte longer", "equal.examples");
        two("another first byte", "aqual.example");
        absent(node.lhs);
        absent(node.rhs);
    }

private:
    void add(std::string name, bool holds, std::vector<Setting> settings, bool is_boundary = true) {
        points_.push_back({std::move(name), std::move(settings), holds, is_boundary});
    }
    void absent(FieldId field) {
        const std::uint8_t bit = packet::field(field).present_bit;
        const bool is_always_there = packet::layer_of(field) == packet::Layer::kOuter &&
                                     (bit == WEIR_HAS_ALWAYS || bit == WEIR_HAS_ETH || bit == WEIR_HAS_ETH_TYPE);
        if (!is_always_there) add("absent", false, {{.kind = Kind::kLacks, .field = field}});
    }
    // One field as the other one is already.
    void copied(bool holds, FieldId field, FieldId from, std::uint64_t more) {
        add("copied", holds, {{.kind = Kind::kCopy, .field = field, .number = more, .from = from}}, false);
    }
    void interface(std::string name, bool holds, std::string value) {
        add(std::move(name), holds, {{.kind = Kind::kInterface, .field = FieldId::kIface, .text = std::move(value)}});
    }
    static bool compares(std::uint64_t left, policy::Relation relation, std::uint64_t right) {
        switch (relation) {
            case policy::Relation::kEq: return left == right;
            case policy::Relation::kNe: return left != right;
            case policy::Relation::kLt: return left < right;
            case policy::Relation::kLe: return left <= right;
            case policy::Relation::kGt: return left > right;
            case policy::Relation::kGe: break;
        }
        return left >= right;
    }
    Setting number_of(const policy::Number& of, std::uint64_t value) {
        if (packet::is_name_or_text(packet::field(of.field).type)) return text(of.field, text_of_length(value));
        return number(of.field, value);
    }
    void numbers(const policy::Number& of, const policy::Ranges& ranges, bool is_negated);
    // Settings for one part of an entry of a set: within it, and on either side.
    struct Part {
        std::vector<Setting> within;
        std::vector<std::pair<std::string, Setting>> beside;
    };
    static Part part_of(FieldId key, policy::SetType type, const policy::SetElement& element);
    void entries(const policy::InSet& node, const policy::Set& set);
    void names(const policy::InSet& node, const policy::NameList& names);

    const policy::TypedPolicy& policy_;
    std::size_t most_;
    Seeded& random_;
    std::vector<ProbePoint> points_{};
};

void Points::numbers(const policy::Number& of, const policy::Ranges& ranges, bool is_negated) {
    const std::uint64_t field_bits = packet::is_name_or_text(packet::field(of.field).type) ? 253 : widest(of.field);
    const std::uint64_t most = field_bits & of.mask;
    const bool is_masked = (field_bits & ~of.mask) != 0;
    // The bits that the mask leaves out are zero, and one.
    const auto put = [&](std::string name, std::uint64_t value, bool is_boundary = true) {
        if ((value & ~of.mask) != 0 || value > field_bits) return;
        const bool holds = is_in(ranges, value) != is_negated;
        if (is_masked)
            add(name + ", other bits one", holds, {number_of(of, value | (field_bits & ~of.mask))}, is_boundary);
        add(std::move(name), holds, {number_of(of, value)}, is_boundary);
    };
    for (const std::size_t i : picked(ranges.size(), most_, random_)) {
        const auto& [first, last] = ranges[i];
        put(fmt::format("{}", first), first);
        if (last != first) put(fmt::format("{}", last), last);
        if (is_masked) {
            for (std::uint64_t bit = 1; bit != 0 && bit <= most; bit <<= 1)
                if ((of.mask & bit) != 0) put(fmt::format("{:#x}", first ^ bit), first ^ bit);
            continue;
        }
        if (first > 0) put(fmt::format("{}", first - 1), first - 1);
        if (last < most) put(fmt::format("{}", last + 1), last + 1);
        if (last - first > 1) put("within", random_.between(first, last), false);
    }
    put("any value", random_.next() & most, false);
    absent(of.field);
}

Points::Part Points::part_of(FieldId key, policy::SetType type, const policy::SetElement& element) {
    Part part;
    if (type != policy::SetType::kIp && type != policy::SetType::kNet) {
        part.within.push_back(number(key, element.number));
        if (element.number > 0) part.beside.emplace_back("one below it", number(key, element.number - 1));
        if (element.number < widest(key)) part.beside.emplace_back("one above it", number(key, element.number + 1));
        return part;
    }
    const std::uint8_t bits = type == policy::SetType::kNet  ? element.prefix_length
                              : element.address.version == 4 ? std::uint8_t{32}
                                                             : std::uint8_t{128};
    const IpPrefix prefix{element.address, bits};
    const IpAddress first = first_address(prefix), last = last_address(prefix);
    part.within.push_back(address(key, first));
    if (first != last) part.within.push_back(address(key, last));
    part.beside.emplace_back("one below it", address(key, packet::neighbour(first, packet::Side::kBelow)));
    part.beside.emplace_back("one above it", address(key, packet::neighbour(last, packet::Side::kAbove)));
    return part;
}

void Points::entries(const policy::InSet& node, const policy::Set& set) {
    for (const std::size_t i : picked(set.entries.size(), most_, random_)) {
        const std::vector<policy::SetElement> entry = set.entries.entry(i);
        std::vector<Part> parts;
        std::vector<Setting> firsts, lasts;
        for (std::size_t k = 0; k < node.keys.size() && k < entry.size(); ++k) {
            parts.push_back(part_of(node.keys[k], set.types[k], entry[k]));
            firsts.push_back(parts.back().within.front());
            lasts.push_back(parts.back().within.back());
        }
        add(fmt::format("entry {}", i + 1), !node.negated, firsts);
        add(fmt::format("the end of entry {}", i + 1), !node.negated, lasts);
        for (std::size_t k = 0; k < parts.size(); ++k)
            for (const auto& [where, setting] : parts[k].beside) {
                std::vector<Setting> missed = firsts;
                missed[k] = setting;
                add(fmt::format("entry {}, part {} {}", i + 1, k + 1, where), node.negated, std::move(missed));
            }
    }
}

void Points::of(const policy::InSet& node) {
    const policy::Set& set = policy_.sets[static_cast<std::size_t>(node.set)];
    const bool has_text = has_names(set.types);
    if (has_text)
        names(node, set.entries.names());
    else
        entries(node, set);
    std::vector<Setting> anything;
    for (std::size_t k = 0; k < node.keys.size(); ++k) {
        const bool is_address = set.types[k] == policy::SetType::kIp || set.types[k] == policy::SetType::kNet;
        anything.push_back(has_text     ? text(node.keys[k], "other.example")
                           : is_address ? address(node.keys[k], packet::random_address(random_, 4))
                                        : number(node.keys[k], random_.next() & widest(node.keys[k])));
    }
    add("no entry", node.negated, std::move(anything), false);
    for (const FieldId key : node.keys) absent(key);
}

void Points::names(const policy::InSet& node, const policy::NameList& names) {
    const FieldId key = node.keys.front();
    const bool is_domain = packet::field(key).type == packet::Type::kDomain;
    for (const std::size_t i : picked(names.size(), most_, random_)) {
        const std::string name(names[i]);
        for (const auto& [how, value] : beside(name))
            add(fmt::format("name {}, {}", i + 1, how),
                (value == name || (is_domain && value == other_case(name))) != node.negated, {text(key, value)});
        add(fmt::format("a name under name {}", i + 1), is_domain != node.negated, {text(key, "www." + name)});
        if (const std::size_t dot = name.find('.'); dot != std::string::npos)
            add(fmt::format("the name above name {}", i + 1), node.negated, {text(key, name.substr(dot + 1))});
    }
}

void Points::of(const policy::PayloadMatch& node) {
    const std::string& bytes = node.bytes;
    // All of the payload; dots where nothing is asked for.
    const auto put = [&](std::string name, std::size_t offset, std::string value) {
        std::string whole = std::string(offset, '.') + value;
        if (policy::is_contains(node.op)) whole.resize(std::min(whole.size(), kSearchedBytes));
        add(std::move(name), matches(node.op, whole, bytes) != node.negated,
            {{.kind = Kind::kCutPayload, .field = FieldId::kPayload},
             payload(offset, std::move(value), packet::PayloadEnd::kThere)});
    };
    for (const auto& [name, value] : beside(bytes)) put(name, 0, value);
    put("at byte 1, more behind", 1, bytes + "..");
    put("at byte 9, at the end", 9, bytes);
    put("at byte 0, more behind", 0, bytes + "....");
    // Beside what else the payload has.
    const std::size_t offset = node.op == policy::BytesOp::kStartsWith || node.op == policy::BytesOp::kStartsWithNocase
                                   ? 0
                                   : random_.below(80);
    const bool is_last = node.op == policy::BytesOp::kEndsWith || node.op == policy::BytesOp::kEndsWithNocase;
    if (node.op != policy::BytesOp::kEq)
        add("within", !node.negated,
            {payload(offset, bytes, is_last ? packet::PayloadEnd::kThere : packet::PayloadEnd::kOpen)}, false);
    if (policy::is_contains(node.op)) {
        put("the last that is searched", kSearchedBytes - bytes.size(), bytes + ".");
        put("one beyond what is searched", kSearchedBytes - bytes.size() + 1, bytes + ".");
        put("behind what is searched", kSearchedBytes, bytes);
        put("begun twice", 0, bytes.substr(0, bytes.size() / 2) + bytes);
    }
    absent(FieldId::kPayload);
}

void Points::of(const policy::PayloadSlice& node) {
    const auto put = [&](std::string name, bool is_equal, std::string value) {
        const bool reaches = value.size() >= node.bytes.size();
        add(std::move(name), reaches && is_equal != node.negated,
            {payload(node.offset, std::move(value), packet::PayloadEnd::kThere)});
    };
    put("the payload ends with it", true, node.bytes);
    put("more behind it", true, node.bytes + ".");
    for (const std::size_t at : {std::size_t{0}, node.bytes.size() / 2, node.bytes.size() - 1}) {
        std::string other = node.bytes;
        other[at] = static_cast<char>(other[at] ^ 1);
        put(fmt::format("another byte {}", at), false, std::move(other));
    }
    put("the payload one byte too short", false, node.bytes.substr(0, node.bytes.size() - 1));
    put("one byte later", false, "\x7f" + node.bytes);
    absent(FieldId::kPayload);
}

struct Count {
    const policy::TypedPolicy& policy;
    std::size_t operator()(const policy::NumberIn& node) const { return node.ranges.size(); }
    std::size_t operator()(const policy::MacIn& node) const { return node.ranges.size(); }
    std::size_t operator()(const policy::AddressIn& node) const { return node.ranges.size(); }
    std::size_t operator()(const policy::InSet& node) const {
        return policy.sets[static_cast<std::size_t>(node.set)].entries.size();
    }
    template <typename Other>
    std::size_t operator()(const Other&) const {
        return 1;
    }
};

// The field gets another one's value, where the packet has that.
void copy(packet::ProbePacket& made, const Setting& setting) {
    made.need(setting.from);
    const packet::Packet packet(made.frame());
    const auto& value = packet.value(setting.from);
    if (!value) return;
    if (const auto* address = std::get_if<IpAddress>(&*value)) made.set_address(setting.field, *address);
    if (const auto* plain = std::get_if<std::uint64_t>(&*value))
        made.set_number(setting.field, *plain + setting.number);
}

}  // namespace

void Probe::apply(const ProbePoint& point) {
    for (const Setting& one : point.settings) switch (one.kind) {
            case Kind::kFlag: packet.set_flag(one.field, one.number != 0); break;
            case Kind::kNumber: packet.set_number(one.field, one.number); break;
            case Kind::kAddress: packet.set_address(one.field, one.address); break;
            case Kind::kText:
                packet.need(one.field);
                packet.set_text(one.field, one.text);
                break;
            case Kind::kPayload: packet.put_payload(one.number, one.text, one.end); break;
            case Kind::kCutPayload: packet.cut_payload(one.number); break;
            case Kind::kInterface: interface = one.text; break;
            case Kind::kLacks: packet.lack(one.field); break;
            case Kind::kCopy: copy(packet, one); break;
        }
}

bool reads_flow(const policy::TypedPolicy& policy, policy::ExprId comparison) {
    const std::vector<FieldId> fields = policy::compared_fields(policy.expr(comparison));
    return std::any_of(fields.begin(), fields.end(),
                       [](FieldId one) { return (packet::field(one).need & WEIR_NEED_FLOWS) != 0; });
}

std::vector<ProbePoint> points_of(const policy::TypedPolicy& policy, policy::ExprId comparison, std::size_t most,
                                  Seeded& random) {
    if (reads_flow(policy, comparison)) return {};
    Points points(policy, most, random);
    std::visit([&](const auto& node) { points.of(node); }, policy.expr(comparison).node);
    return points.take();
}

bool is_whole(const policy::TypedPolicy& policy, policy::ExprId comparison, std::size_t most) {
    return std::visit(Count{policy}, policy.expr(comparison).node) <= most;
}

}  // namespace weir::analysis
