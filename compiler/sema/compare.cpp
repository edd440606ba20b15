// Comparisons: each pair of sides becomes one typed expression, or a diagnostic.
// Tested by tests/unit/sema/types_test.cpp with `operators`.
#include <algorithm>

#include <fmt/format.h>

#include "compiler/policy/set_element.h"
#include "compiler/sema/comparison.h"
#include "compiler/sema/condition.h"
#include "compiler/sema/expansion.h"
#include "compiler/sema/foreign_values.h"

namespace weir::sema {

using Kind = Operand::Kind;
using Op = ast::Comparison;

namespace {

bool is_value(Kind kind) {
    return kind == Kind::kValue || kind == Kind::kValues || kind == Kind::kTuples || kind == Kind::kSet;
}

policy::Relation relation_of(Op op) {
    switch (op) {
        case Op::kNe: return policy::Relation::kNe;
        case Op::kLt: return policy::Relation::kLt;
        case Op::kLe: return policy::Relation::kLe;
        case Op::kGt: return policy::Relation::kGt;
        case Op::kGe: return policy::Relation::kGe;
        default: return policy::Relation::kEq;
    }
}

std::string_view with_article(packet::Type type) {
    switch (type) {
        case packet::Type::kBool: return "a bool";
        case packet::Type::kUint: return "an integer";
        case packet::Type::kPort: return "a port";
        case packet::Type::kIp: return "an address";
        case packet::Type::kMac: return "a MAC address";
        case packet::Type::kDomain: return "a domain name";
        case packet::Type::kText: return "a string";
        case packet::Type::kBytes: return "bytes";
        case packet::Type::kDuration: return "a duration";
    }
    return "something";
}

// "ip", "(ip, port)"
std::string types_text(const policy::Set& set) {
    std::string text;
    for (const policy::SetType type : set.types)
        text += fmt::format("{}{}", text.empty() ? "" : ", ", policy::set_type_name(type));
    return set.types.size() == 1 ? text : fmt::format("({})", text);
}

bool set_type_fits(policy::SetType set, const packet::Field& field) {
    switch (set) {
        case policy::SetType::kIp:
        case policy::SetType::kNet: return field.type == packet::Type::kIp;
        case policy::SetType::kPort: return field.type == packet::Type::kPort;
        case policy::SetType::kMac: return field.type == packet::Type::kMac;
        case policy::SetType::kDomain: return field.type == packet::Type::kDomain;
        case policy::SetType::kU8: return field.type == packet::Type::kUint && field.bits <= 8;
        case policy::SetType::kU16: return field.type == packet::Type::kUint && field.bits <= 16;
        case policy::SetType::kU32: return field.type == packet::Type::kUint && field.bits <= 32;
        case policy::SetType::kText: return field.type == packet::Type::kText;
    }
    return false;
}

std::uint64_t limit_of(const Operand& operand) {
    const std::uint8_t bits = width_of(operand);
    return bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
}

}  // namespace

policy::ExprId ConditionChecker::mismatch(const Operand& lhs, const ast::Compare& node, const Operand& rhs) {
    const auto kind_of = [&](const Operand& side) -> std::string {
        switch (side.kind) {
            case Kind::kField: return std::string(with_article(type_of(side)));
            case Kind::kSlice: return "bytes";
            case Kind::kValue: return value_kind(side.values->front().value);
            case Kind::kTuple: return "a tuple";
            case Kind::kCondition: return "a condition";
            case Kind::kSet: return fmt::format("the set `{}`", typed_.sets[static_cast<std::size_t>(side.set)].name);
            default: return "a set";
        }
    };
    const bool protocol = lhs.kind == Kind::kField && lhs.field == packet::FieldId::kIpProto &&
                          rhs.kind == Kind::kField && packet::field(rhs.field).type == packet::Type::kBool;
    Diagnostic wrong{.code = Code::E320,
                     .span = rhs.span,
                     .message = fmt::format("`{}` is {}, and `{}` is {}", text(lhs.span), kind_of(lhs), text(rhs.span),
                                            kind_of(rhs)),
                     .help = protocol ? fmt::format("a protocol's name is a condition by itself: `{}`", text(rhs.span))
                                      : "types never convert: compare values of one type",
                     .notes = {{node.op_span, "compared here"}}};
    if (lhs.kind == Kind::kField && rhs.kind == Kind::kField) take_suggestion(wrong, lhs.field, text(rhs.span));
    say(std::move(wrong));
    return never(rhs.span);
}

// Whether the type has the operator at all, and whether it takes one value or several.
bool ConditionChecker::operator_fits(const ast::Compare& node, packet::Type type, const Operand& rhs) {
    const bool ordered = type == packet::Type::kUint || type == packet::Type::kPort || type == packet::Type::kDuration;
    const bool searched = type == packet::Type::kText || type == packet::Type::kBytes || type == packet::Type::kDomain;
    if ((is_order(node.op) && !ordered) || (is_text_search(node.op) && !searched) ||
        (is_membership(node.op) && type == packet::Type::kBool)) {
        say({.code = Code::E321,
             .span = node.op_span,
             .message = fmt::format("`{}` does not apply to {}", text(node.op_span), with_article(type)),
             .help = ordered    ? type == packet::Type::kDuration ? "durations take == != < <= > >= in"
                                                                  : "integers and ports take == != < <= > >= in"
                     : searched ? "strings and bytes take == != contains starts_with ends_with in"
                     : type == packet::Type::kBool ? "a bool field is a condition by itself; it also takes == and !="
                                                   : "it takes == != and in"});
        return false;
    }
    const Value* value = rhs.kind == Kind::kValue ? &rhs.values->front().value : nullptr;
    const bool several = rhs.kind == Kind::kValues || rhs.kind == Kind::kTuples || rhs.kind == Kind::kSet ||
                         (value != nullptr &&
                          (std::holds_alternative<IpPrefix>(*value) || std::holds_alternative<IpRange>(*value) ||
                           std::holds_alternative<IntegerRange>(*value) || std::holds_alternative<MacPrefix>(*value)));
    if (several == is_membership(node.op)) return true;
    const bool turned = is_negated(node.op);
    Diagnostic wrong{
        .code = Code::E321,
        .span = node.op_span,
        .message = fmt::format("`{}` does not take {}", text(node.op_span), several ? "several values" : "one value")};
    const bool swappable = several ? is_equality(node.op) : rhs.kind != Kind::kTuple && rhs.kind != Kind::kCondition;
    if (swappable)
        wrong.fix = Fix{node.op_span, several ? (turned ? "not in" : "in") : (turned ? "!=" : "==")};
    else
        wrong.help = "it takes one value";
    say(std::move(wrong));
    return false;
}

policy::ExprId ConditionChecker::compare(const Scope& scope, const ast::Compare& node, Span span) {
    const Operand lhs = operand(scope, node.lhs);
    Scope values = scope;
    if (lhs.kind == Kind::kField) values.compared = {&lhs.field, 1};
    if (lhs.kind == Kind::kTuple) values.compared = lhs.fields;
    const Operand rhs = operand(values, node.rhs);
    if (lhs.kind == Kind::kError || rhs.kind == Kind::kError) return never(span);
    if (is_cut(lhs) || is_cut(rhs)) return cut_compared(lhs, node, rhs, span);
    const auto key = key_of(lhs, node, rhs);
    if (!key) return compare_sides(lhs, node, rhs, span);
    if (const auto known = known_comparisons_.find(*key); known != known_comparisons_.end()) return known->second;
    if (!take_elements(rhs.values->size(), rhs.span)) return never(span);
    const std::size_t before = errors();
    const policy::ExprId made = compare_sides(lhs, node, rhs, span);
    if (errors() == before) known_comparisons_.emplace(*key, made);
    return made;
}

policy::ExprId ConditionChecker::compare_sides(const Operand& lhs, const ast::Compare& node, const Operand& rhs,
                                               Span span) {
    if (is_value(lhs.kind)) {
        Diagnostic wrong{.code = Code::E325,
                         .span = lhs.span,
                         .message = fmt::format("`{}` is on the left of the comparison", text(lhs.span)),
                         .help = "write the field on the left"};
        constexpr std::string_view kMirrored[] = {"==", "!=", ">", ">=", "<", "<="};
        if (rhs.kind == Kind::kField && static_cast<std::size_t>(node.op) < std::size(kMirrored))
            wrong.fix = Fix{span, fmt::format("{} {} {}", text(rhs.span), kMirrored[static_cast<std::size_t>(node.op)],
                                              text(lhs.span))};
        say(std::move(wrong));
        return never(span);
    }
    if (lhs.kind == Kind::kCondition || rhs.kind == Kind::kCondition || rhs.kind == Kind::kTuple)
        return mismatch(lhs, node, rhs);
    if (lhs.kind == Kind::kTuple) return in_tuples(lhs, node, rhs, span);
    if (lhs.kind == Kind::kSlice) return compare_text(lhs, node, rhs, span);
    if (rhs.kind == Kind::kSlice) return mismatch(lhs, node, rhs);
    if (rhs.kind == Kind::kField) return compare_fields(lhs, node, rhs, span);
    const packet::Type type = type_of(lhs);
    if (!operator_fits(node, type, rhs)) return never(span);
    if (rhs.kind == Kind::kTuples) return mismatch(lhs, node, rhs);
    if (rhs.kind == Kind::kSet) {
        if (lhs.mask != ~std::uint64_t{0} || lhs.is_length) return mismatch(lhs, node, rhs);
        return in_set({lhs.field}, node, rhs, span);
    }
    switch (type) {
        case packet::Type::kBool: return compare_flag(lhs, node, rhs, span);
        case packet::Type::kUint:
        case packet::Type::kDuration:
        case packet::Type::kPort: return compare_number(lhs, node, rhs, span);
        case packet::Type::kIp: return compare_address(lhs, node, rhs, span);
        case packet::Type::kMac: return compare_mac(lhs, node, rhs, span);
        default: return compare_text(lhs, node, rhs, span);
    }
}

policy::ExprId ConditionChecker::compare_fields(const Operand& lhs, const ast::Compare& node, const Operand& rhs,
                                                Span span) {
    const packet::Type type = type_of(lhs);
    if (type != type_of(rhs)) return mismatch(lhs, node, rhs);
    if (!operator_fits(node, type, rhs)) return never(span);
    const bool negated = is_negated(node.op);
    switch (type) {
        case packet::Type::kBool: return add(span, policy::FlagCompare{lhs.field, rhs.field, negated});
        case packet::Type::kUint:
        case packet::Type::kDuration:
        case packet::Type::kPort:
            return add(span, policy::NumberCompare{{lhs.field, lhs.mask}, relation_of(node.op), {rhs.field, rhs.mask}});
        case packet::Type::kIp: return add(span, policy::AddressCompare{lhs.field, rhs.field, negated});
        case packet::Type::kMac: return add(span, policy::MacCompare{lhs.field, rhs.field, negated});
        case packet::Type::kDomain:
        case packet::Type::kText:
            if (lhs.field != packet::FieldId::kIface && rhs.field != packet::FieldId::kIface)
                return compare_texts(lhs, node, rhs, span);
            break;
        case packet::Type::kBytes: break;
    }
    say({.code = Code::E321,
         .span = node.op_span,
         .message = "a field is compared with itself",
         .help = "this type has only one field"});
    return never(span);
}

policy::ExprId ConditionChecker::compare_flag(const Operand& lhs, const ast::Compare& node, const Operand& rhs,
                                              Span span) {
    const auto* value = std::get_if<Boolean>(&rhs.values->front().value);
    if (value == nullptr) {
        const auto* bit = std::get_if<Integer>(&rhs.values->front().value);
        if (bit == nullptr || bit->value > 1) return mismatch(lhs, node, rhs);
        say({.code = Code::E320,
             .span = rhs.span,
             .message = fmt::format("`{}` is true or false, and `{}` is an integer", text(lhs.span), bit->value),
             .help = fmt::format("`{}` is a condition by itself", text(lhs.span)),
             .fix = Fix{rhs.span, bit->value == 1 ? "true" : "false"}});
        return never(span);
    }
    return add(span, policy::Flag{lhs.field, value->value != is_negated(node.op)});
}

std::optional<std::vector<std::pair<std::uint64_t, std::uint64_t>>> ConditionChecker::number_ranges(
    const Operand& lhs, const Operand& rhs) {
    const packet::Field& field = packet::field(lhs.field);
    const std::uint64_t limit = limit_of(lhs);
    std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
    for (const PlacedValue& element : *rhs.values) {
        std::pair<std::uint64_t, std::uint64_t> range;
        const bool is_time = type_of(lhs) == packet::Type::kDuration;
        if (const auto* time = std::get_if<Duration>(&element.value); time != nullptr && is_time) {
            range = {time->ns, time->ns};
        } else if (const auto* number = std::get_if<Integer>(&element.value); number != nullptr && !is_time) {
            range = {number->value, number->value};
        } else if (const auto* several = std::get_if<IntegerRange>(&element.value); several != nullptr && !is_time) {
            range = {several->first, several->last};
        } else {
            Diagnostic wrong{
                .code = Code::E320,
                .span = element.span,
                .message = fmt::format("`{}` is {}, and `{}` is {}", text(lhs.span), with_article(type_of(lhs)),
                                       text(element.span), value_kind(element.value)),
                .help = "types never convert: compare values of one type"};
            if (is_time && std::holds_alternative<Integer>(element.value))
                wrong.help = fmt::format("a duration has a unit: `{0}us`, `{0}ms`, `{0}s`", text(element.span));
            else if (is_time)
                wrong.help = "write a duration: `50us`, `100ms`, `10s`";
            if (const auto* quoted = std::get_if<Text>(&element.value))
                take_suggestion(wrong, lhs.field, quoted->bytes);
            if (const auto* size = std::get_if<ByteSize>(&element.value))
                wrong.fix = Fix{element.span, std::to_string(size->bytes)};
            say(std::move(wrong));
            return std::nullopt;
        }
        if (range.second > limit) {
            say({.code = Code::E322,
                 .span = element.span,
                 .message = fmt::format("{} does not fit in `{}`", range.second,
                                        lhs.is_length ? text(lhs.span) : std::string(field.name)),
                 .help = fmt::format("it has {} bits: 0 to {}", width_of(lhs), limit)});
            return std::nullopt;
        }
        ranges.push_back(range);
    }
    return ranges;
}

policy::ExprId ConditionChecker::compare_number(const Operand& lhs, const ast::Compare& node, const Operand& rhs,
                                                Span span) {
    auto ranges = number_ranges(lhs, rhs);
    if (!ranges) return never(span);
    const std::uint64_t limit = limit_of(lhs);
    if (is_order(node.op)) {
        const std::uint64_t value = ranges->front().first;
        ranges->clear();
        if (node.op == Op::kLe) ranges->push_back({0, value});
        if (node.op == Op::kGe) ranges->push_back({value, ~std::uint64_t{0}});
        if (node.op == Op::kLt && value > 0) ranges->push_back({0, value - 1});
        if (node.op == Op::kGt && value < limit) ranges->push_back({value + 1, ~std::uint64_t{0}});
        if (ranges->empty()) {
            say({.code = Code::W403,
                 .span = span,
                 .message = fmt::format("`{}` is never true", text(span)),
                 .help = fmt::format("`{}` is between 0 and {}", text(lhs.span), limit)});
        }
    }
    normalise(*ranges);
    return add(span, policy::NumberIn{{lhs.field, lhs.mask}, std::move(*ranges), is_negated(node.op)});
}

std::optional<std::vector<IpRange>> ConditionChecker::address_ranges(const Operand& rhs) {
    std::vector<IpRange> ranges;
    for (const PlacedValue& element : *rhs.values) {
        if (const std::string ip4 = ip4_of_mapped(element.value); !ip4.empty())
            say({.code = Code::W412,
                 .span = element.span,
                 .message = "no IPv4 packet has this address: IPv6 packets with it are rare, and mostly forged",
                 .help = fmt::format("for IPv4 packets write `{}`", ip4)});
        if (const auto* address = std::get_if<IpAddress>(&element.value))
            ranges.push_back({*address, *address});
        else if (const auto* prefix = std::get_if<IpPrefix>(&element.value))
            ranges.push_back({first_address(*prefix), last_address(*prefix)});
        else if (const auto* range = std::get_if<IpRange>(&element.value))
            ranges.push_back(*range);
        else {
            Diagnostic wrong{.code = Code::E320,
                             .span = element.span,
                             .message = fmt::format("an address is compared with {}", value_kind(element.value)),
                             .help = "addresses compare with addresses, prefixes and ranges of addresses"};
            const auto* quoted = std::get_if<Text>(&element.value);
            if (quoted != nullptr && (parse_ip(quoted->bytes) || parse_prefix(quoted->bytes)))
                wrong.fix = Fix{element.span, quoted->bytes};
            else if (quoted != nullptr)
                take_suggestion(wrong, packet::FieldId::kIpSrc, quoted->bytes);
            if (const auto* number = std::get_if<Integer>(&element.value)) {
                constexpr std::uint64_t kShortest = 1 << 24, kMost = 0xffffffff;  // of four numbers, the first not 0
                wrong.help = "write an address as four numbers: 192.0.2.1";
                if (number->value >= kShortest && number->value <= kMost)
                    wrong.fix =
                        Fix{element.span, fmt::format("{}.{}.{}.{}", number->value >> 24, number->value >> 16 & 255,
                                                      number->value >> 8 & 255, number->value & 255)};
            }
            say(std::move(wrong));
            return std::nullopt;
        }
    }
    normalise(ranges);
    return ranges;
}

policy::ExprId ConditionChecker::compare_address(const Operand& lhs, const ast::Compare& node, const Operand& rhs,
                                                 Span span) {
    auto ranges = address_ranges(rhs);
    if (!ranges) return never(span);
    return add(span, policy::AddressIn{lhs.field, std::move(*ranges), is_negated(node.op)});
}

std::optional<policy::Ranges> ConditionChecker::mac_ranges(const Operand& rhs) {
    policy::Ranges ranges;
    for (const PlacedValue& element : *rhs.values) {
        if (const auto* mac = std::get_if<MacAddress>(&element.value)) {
            ranges.emplace_back(policy::mac_number(*mac), policy::mac_number(*mac));
        } else if (const auto* prefix = std::get_if<MacPrefix>(&element.value)) {
            ranges.emplace_back(policy::mac_number(first_address(*prefix)), policy::mac_number(last_address(*prefix)));
        } else {
            say({.code = Code::E320,
                 .span = element.span,
                 .message = fmt::format("a MAC address is compared with {}", value_kind(element.value)),
                 .help = "write a MAC address as 02:00:00:00:00:01, a prefix as 02:00:5e:00:00:00/24"});
            return std::nullopt;
        }
    }
    normalise(ranges);
    return ranges;
}

policy::ExprId ConditionChecker::compare_mac(const Operand& lhs, const ast::Compare& node, const Operand& rhs,
                                             Span span) {
    auto ranges = mac_ranges(rhs);
    if (!ranges) return never(span);
    return add(span, policy::MacIn{lhs.field, std::move(*ranges), is_negated(node.op)});
}

policy::ExprId ConditionChecker::in_set(const std::vector<packet::FieldId>& keys, const ast::Compare& node,
                                        const Operand& rhs, Span span) {
    const policy::Set& set = typed_.sets[static_cast<std::size_t>(rhs.set)];
    if (!fits_set(keys, set, rhs.span)) return never(span);
    return add(span, policy::InSet{keys, rhs.set, is_negated(node.op)});
}

bool ConditionChecker::fits_set(const std::vector<packet::FieldId>& keys, const policy::Set& set, Span span) {
    if (set.types.empty()) return false;  // its types were wrong: said
    bool fits = set.types.size() == keys.size();
    for (std::size_t i = 0; fits && i < keys.size(); ++i) fits = set_type_fits(set.types[i], packet::field(keys[i]));
    if (!fits)
        say({.code = Code::E320,
             .span = span,
             .message = fmt::format("`{}` is a set of {}", set.name, types_text(set)),
             .label = keys.size() == 1 ? fmt::format("`{}` is {}", packet::field(keys.front()).name,
                                                     with_article(packet::field(keys.front()).type))
                                       : fmt::format("a tuple of {} fields", keys.size()),
             .help = "use a field of the set's type, or a set of another type",
             .notes = {{set.span, "its type is given here"}}});
    return fits;
}

policy::ExprId ConditionChecker::in_tuples(const Operand& lhs, const ast::Compare& node, const Operand& rhs,
                                           Span span) {
    if (rhs.kind != Kind::kSet && rhs.kind != Kind::kTuples) return mismatch(lhs, node, rhs);
    if (!is_membership(node.op)) {
        say({.code = Code::E321,
             .span = node.op_span,
             .message = fmt::format("`{}` does not apply to a tuple", text(node.op_span)),
             .help = "a tuple takes `in` and `not in`"});
        return never(span);
    }
    if (rhs.kind == Kind::kSet) return in_set(lhs.fields, node, rhs, span);
    if (rhs.width != lhs.fields.size()) return mismatch(lhs, node, rhs);
    const bool exact = std::all_of(rhs.values->begin(), rhs.values->end(), [](const PlacedValue& value) {
        return std::holds_alternative<Integer>(value.value) || std::holds_alternative<IpAddress>(value.value) ||
               std::holds_alternative<MacAddress>(value.value);
    });
    return exact ? exact_tuples(lhs, rhs, is_negated(node.op), span)
                 : one_of_tuples(lhs, rhs, is_negated(node.op), span);
}

}  // namespace weir::sema
