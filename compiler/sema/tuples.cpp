// Tuples against literal sets, and ranges in order.
// Tested by tests/unit/sema/types_test.cpp with `(ip.src, `.
#include <algorithm>

#include <fmt/format.h>

#include "bpf/abi.h"
#include "compiler/policy/set_element.h"
#include "compiler/sema/condition.h"
#include "compiler/sema/expansion.h"

namespace weir::sema {
namespace {

// The address after `address`, or nothing after the last.
std::optional<IpAddress> next_address(IpAddress address) {
    const std::size_t bytes = address.version == 4 ? 4 : 16;
    for (std::size_t i = bytes; i-- > 0;)
        if (++address.bytes[i] != 0) return address;
    return std::nullopt;
}

policy::SetType literal_type(const packet::Field& field) {
    switch (field.type) {
        case packet::Type::kIp: return policy::SetType::kIp;
        case packet::Type::kMac: return policy::SetType::kMac;
        case packet::Type::kPort: return policy::SetType::kPort;
        default: return policy::SetType::kU32;
    }
}

}  // namespace

void normalise(std::vector<std::pair<std::uint64_t, std::uint64_t>>& ranges) {
    std::sort(ranges.begin(), ranges.end());
    std::vector<std::pair<std::uint64_t, std::uint64_t>> joined;
    for (const auto& range : ranges) {
        const bool meets =
            !joined.empty() && (joined.back().second == ~std::uint64_t{0} || range.first <= joined.back().second + 1);
        if (meets)
            joined.back().second = std::max(joined.back().second, range.second);
        else
            joined.push_back(range);
    }
    ranges = std::move(joined);
}

void normalise(std::vector<IpRange>& ranges) {
    std::sort(ranges.begin(), ranges.end());
    std::vector<IpRange> joined;
    for (const IpRange& range : ranges) {
        bool meets = false;
        if (!joined.empty() && joined.back().first.version == range.first.version) {
            const auto after = next_address(joined.back().last);
            meets = !after || range.first <= *after;
        }
        if (meets)
            joined.back().last = std::max(joined.back().last, range.last);
        else
            joined.push_back(range);
    }
    ranges = std::move(joined);
}

// A part of a tuple against one value.
policy::ExprId ConditionChecker::field_equals(packet::FieldId field, const PlacedValue& value) {
    Operand lhs{.kind = Operand::Kind::kField, .span = value.span, .field = field};
    Operand rhs{.kind = Operand::Kind::kValue, .span = value.span};
    rhs.values = std::make_shared<std::vector<PlacedValue>>(1, value);
    switch (packet::field(field).type) {
        case packet::Type::kUint:
        case packet::Type::kPort: {
            auto ranges = number_ranges(lhs, rhs);
            return ranges ? add(value.span, policy::NumberIn{{field}, std::move(*ranges), false}) : never(value.span);
        }
        case packet::Type::kIp: {
            auto ranges = address_ranges(rhs);
            return ranges ? add(value.span, policy::AddressIn{field, std::move(*ranges), false}) : never(value.span);
        }
        case packet::Type::kMac: {
            auto ranges = mac_ranges(rhs);
            return ranges ? add(value.span, policy::MacIn{field, std::move(*ranges), false}) : never(value.span);
        }
        default: break;
    }
    say({.code = Code::E320,
         .span = value.span,
         .message = fmt::format("`{}` cannot be part of a tuple", packet::field(field).name),
         .help = "a tuple consists of addresses, ports, integers and MAC addresses"});
    return never(value.span);
}

// Tuples with prefixes or ranges in them: an alternative each.
policy::ExprId ConditionChecker::one_of_tuples(const Operand& lhs, const Operand& rhs, bool negated, Span span) {
    if (rhs.values->size() > kMaxExprs) {
        too_large(span);
        return never(span);
    }
    policy::Or any;
    for (std::size_t at = 0; at < rhs.values->size(); at += rhs.width) {
        policy::And all;
        for (std::size_t i = 0; i < rhs.width; ++i)
            all.operands.push_back(field_equals(lhs.fields[i], (*rhs.values)[at + i]));
        any.operands.push_back(add(span, std::move(all)));
    }
    const policy::ExprId is_in = add(span, std::move(any));
    if (!negated) return is_in;
    // Not in it, and all fields there: a comparison with an absent field is false.
    policy::And present;
    for (const packet::FieldId field : lhs.fields) {
        const bool address = packet::field(field).type == packet::Type::kIp,
                   mac = packet::field(field).type == packet::Type::kMac;
        if (address)
            present.operands.push_back(add(span, policy::AddressIn{field, {}, true}));
        else if (mac)
            present.operands.push_back(add(span, policy::MacIn{field, {}, true}));
        else
            present.operands.push_back(add(span, policy::NumberIn{{field}, {}, true}));
    }
    present.operands.push_back(add(span, policy::Not{is_in}));
    return add(span, std::move(present));
}

// Tuples of single values: a set without a name.
policy::ExprId ConditionChecker::exact_tuples(const Operand& lhs, const Operand& rhs, bool negated, Span span) {
    policy::Set set;
    set.span = rhs.span;
    for (const packet::FieldId id : lhs.fields) set.types.push_back(literal_type(packet::field(id)));
    if (key_words(set.types) > WEIR_SET_KEY_WORDS) {
        say({.code = Code::E510,
             .span = rhs.span,
             .message = "this tuple has too many parts",
             .help = "a tuple has at most three addresses"});
        return never(span);
    }
    const std::size_t errors_before = errors();
    const Made before = made();
    for (std::size_t at = 0; at < rhs.values->size(); at += rhs.width) {
        std::vector<policy::SetElement> entry;
        for (std::size_t i = 0; i < rhs.width; ++i) {
            const PlacedValue& value = (*rhs.values)[at + i];
            field_equals(lhs.fields[i], value);  // reports what does not fit; the comparison itself is not used
            policy::SetElement element;
            if (const auto* number = std::get_if<Integer>(&value.value)) element.number = number->value;
            if (const auto* address = std::get_if<IpAddress>(&value.value)) element.address = *address;
            if (const auto* mac = std::get_if<MacAddress>(&value.value)) element.number = policy::mac_number(*mac);
            entry.push_back(element);
        }
        set.entries.add(set.types, entry);
        discard_since(before);
    }
    if (errors() != errors_before) return never(span);
    set.entries.sort();
    set.size = set.entries.size();
    typed_.sets.push_back(std::move(set));
    return add(span, policy::InSet{lhs.fields, static_cast<policy::SetId>(typed_.sets.size() - 1), negated});
}

}  // namespace weir::sema
