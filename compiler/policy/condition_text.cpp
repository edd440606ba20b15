// Tested by tests/unit/policy/condition_text_test.cpp.
#include "compiler/policy/condition_text.h"

#include <algorithm>

#include <fmt/format.h>

#include "grammar/base/hash.h"
#include "grammar/base/printable.h"

namespace weir::policy {
namespace {

constexpr std::size_t kMostBytes = 72, kCutBytes = 48;

// As it is, or its beginning and a number for all of it.
std::string shortened(std::string text) {
    if (text.size() <= kMostBytes) return text;
    return fmt::format("{}... #{:016x}", text.substr(0, kCutBytes), fnv1a(text));
}

class Writer {
public:
    explicit Writer(const TypedPolicy& policy) : policy_(policy) {}
    std::string text(ExprId id) const {
        return std::visit([this](const auto& node) { return text(node); }, policy_.expr(id).node);
    }

private:
    static std::string name(packet::FieldId field) { return packet::field_name(field); }
    static std::string_view not_if(bool negated) { return negated ? "not " : ""; }

    std::string operand(ExprId id) const {
        const auto& node = policy_.expr(id).node;
        const bool is_junction = std::holds_alternative<And>(node) || std::holds_alternative<Or>(node);
        return is_junction ? "(" + text(id) + ")" : text(id);
    }
    std::string joined(const std::vector<ExprId>& operands, std::string_view word) const {
        std::string all;
        for (const ExprId id : operands) all += (all.empty() ? "" : fmt::format(" {} ", word)) + operand(id);
        return all;
    }
    std::string text(const Constant& node) const { return node.value ? "true" : "false"; }
    std::string text(const And& node) const { return joined(node.operands, "and"); }
    std::string text(const Or& node) const { return joined(node.operands, "or"); }
    std::string text(const Not& node) const { return "not " + operand(node.operand); }
    std::string text(const Flag& node) const {
        return fmt::format("{}{}", name(node.field), node.value ? "" : " == false");
    }
    std::string text(const FlagCompare& node) const { return compared(node); }

    static std::string number(const Number& number) {
        const packet::Field& field = packet::field(number.field);
        if (packet::is_name_or_text(field.type) || field.type == packet::Type::kBytes)
            return fmt::format("len({})", name(number.field));
        const bool is_masked = (number.mask & field.mask) != field.mask;
        return is_masked ? fmt::format("{} & {:#x}", name(number.field), number.mask) : name(number.field);
    }
    std::string text(const NumberCompare& node) const {
        constexpr std::string_view kSigns[] = {"==", "!=", "<", "<=", ">", ">="};
        return fmt::format("{} {} {}", number(node.lhs), kSigns[static_cast<std::size_t>(node.relation)],
                           number(node.rhs));
    }
    // All of them: what is too long is cut at the end.
    template <typename Pairs, typename Text>
    static std::string in(const Pairs& ranges, Text one) {
        std::string all;
        for (const auto& [first, last] : ranges) {
            all += all.empty() ? "" : ", ";
            all += first == last ? one(first) : fmt::format("{}..{}", one(first), one(last));
        }
        return ranges.size() == 1 ? all : fmt::format("{{ {} }}", all);
    }
    std::string text(const NumberIn& node) const {
        return fmt::format("{} {}in {}", number(node.number), not_if(node.negated),
                           in(within(node), [](std::uint64_t value) { return fmt::to_string(value); }));
    }
    // What the field may be of them.
    static Ranges within(const NumberIn& node) {
        const packet::Field& field = packet::field(node.number.field);
        const bool is_length = packet::is_name_or_text(field.type);
        const std::uint64_t most = is_length ? node.number.mask : node.number.mask & field.mask;
        Ranges ranges;
        for (const auto& [first, last] : node.ranges)
            if (first <= most) ranges.emplace_back(first, std::min(last, most));
        return ranges;
    }
    std::string text(const AddressIn& node) const {
        std::vector<std::pair<IpAddress, IpAddress>> ranges;
        for (const IpRange& range : node.ranges) ranges.emplace_back(range.first, range.last);
        return fmt::format("{} {}in {}", name(node.field), not_if(node.negated),
                           in(ranges, [](const IpAddress& address) { return to_string(address); }));
    }
    std::string text(const MacIn& node) const {
        return fmt::format("{} {}in {}", name(node.field), not_if(node.negated),
                           in(node.ranges, [](std::uint64_t value) { return fmt::format("{:#x}", value); }));
    }
    template <typename Node>
    static std::string compared(const Node& node) {
        return fmt::format("{} {} {}", name(node.lhs), node.negated ? "!=" : "==", name(node.rhs));
    }
    std::string text(const AddressCompare& node) const { return compared(node); }
    std::string text(const MacCompare& node) const { return compared(node); }
    std::string text(const TextCompare& node) const { return compared(node); }

    std::string text(const InSet& node) const {
        std::string keys;
        for (const packet::FieldId field : node.keys)
            keys += fmt::format("{}{}", keys.empty() ? "" : ", ", name(field));
        const Set& set = policy_.sets[static_cast<std::size_t>(node.set)];
        return fmt::format("({}) {}in {}", keys, not_if(node.negated),
                           set.name.empty() ? literal(set) : std::string(set.name));
    }
    static std::string literal(const Set& set) {
        const std::vector<std::uint8_t>& names = set.entries.names().bytes();
        std::string all(names.begin(), names.end());
        for (std::size_t i = 0; i < set.entries.size() && names.empty(); ++i)
            for (const SetElement& part : set.entries.entry(i))
                all += fmt::format("{}/{}/{} ", to_string(part.address), part.prefix_length, part.number);
        return fmt::format("#{:016x}", fnv1a(all));
    }
    static std::string matched(const std::string& field, BytesOp op, bool negated, const std::string& bytes) {
        constexpr std::string_view kWords[] = {
            "==", "contains", "starts_with", "ends_with", "contains nocase", "starts_with nocase", "ends_with nocase"};
        return fmt::format("{}{} {} \"{}\"", not_if(negated), field, kWords[static_cast<std::size_t>(op)],
                           printable(bytes));
    }
    std::string text(const IfaceMatch& node) const { return matched("iface", node.op, node.negated, node.text); }
    std::string text(const PayloadMatch& node) const { return matched("payload", node.op, node.negated, node.bytes); }
    std::string text(const TextMatch& node) const {
        return matched(name(node.field), node.op, node.negated, node.text);
    }
    std::string text(const PayloadSlice& node) const {
        return matched(fmt::format("payload[{}:{}]", node.offset, node.bytes.size()), BytesOp::kEq, node.negated,
                       node.bytes);
    }

    const TypedPolicy& policy_;
};

}  // namespace

std::string condition_text(const TypedPolicy& policy, ExprId condition) {
    return shortened(Writer(policy).text(condition));
}

}  // namespace weir::policy
