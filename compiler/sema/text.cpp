// Names and texts of packets compared with literals and with one another.
// Tested by tests/verdict/inside_test.cpp with `inside`.
#include <algorithm>

#include <fmt/format.h>

#include "bpf/abi.h"
#include "compiler/sema/comparison.h"
#include "compiler/sema/condition.h"
#include "compiler/sema/expansion.h"

namespace weir::sema {

using Kind = Operand::Kind;
using Op = ast::Comparison;

namespace {

constexpr std::size_t kMaxLiteralBytes = 64;  // payload literals: language.md, conditions
constexpr std::size_t kMaxTextBytes = WEIR_TEXT_LITERAL_BYTES;

// One by one a few strings are found sooner than in a table.
constexpr std::size_t kMostCompared = 4;

// `in` holds for names under those of the set, so that it is always one.
bool is_set_of_names(packet::FieldId field, const std::vector<PlacedValue>& values) {
    const packet::Type type = packet::field(field).type;
    if (type == packet::Type::kDomain) return true;
    return type == packet::Type::kText && field != packet::FieldId::kIface && values.size() > kMostCompared;
}

std::string quoted(std::string_view text) { return fmt::format("\"{}\"", text); }

}  // namespace

// One value of iface, payload or a slice of it.
policy::ExprId ConditionChecker::one_text(const Operand& lhs, Op op, const PlacedValue& value, bool negated,
                                          Span span) {
    const auto* written = std::get_if<Text>(&value.value);
    const auto* hex = std::get_if<HexBytes>(&value.value);
    const bool is_iface = lhs.kind == Kind::kField && lhs.field == packet::FieldId::kIface;
    if ((written == nullptr && hex == nullptr) || (is_iface && written == nullptr)) {
        say({.code = Code::E320,
             .span = value.span,
             .message = fmt::format("`{}` is compared with {}", text(lhs.span), value_kind(value.value)),
             .help = is_iface ? "it compares with \"…\"" : "it compares with \"…\" and hex\"…\""});
        return never(span);
    }
    std::string bytes = written != nullptr ? written->bytes : hex->bytes;
    if (is_nocase(op))
        for (char& c : bytes) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const policy::BytesOp bytes_op = bytes_op_of(op);
    if (lhs.kind == Kind::kField && packet::is_name_or_text(packet::field(lhs.field).type) && !is_iface)
        return text_match(lhs, bytes_op, value, std::move(bytes), negated, span);
    if (is_iface) return add(span, policy::IfaceMatch{bytes_op, bytes, negated});
    if (lhs.kind == Kind::kSlice) {
        if (bytes.size() == lhs.length)
            return add(span, policy::PayloadSlice{static_cast<std::uint32_t>(lhs.offset), bytes, negated});
        say({.code = Code::E328,
             .span = value.span,
             .message = fmt::format("{} bytes are compared with a slice of {}", bytes.size(), lhs.length),
             .help = fmt::format("write the length of the value: `payload[{}:{}]`", lhs.offset, bytes.size())});
        return never(span);
    }
    if (bytes.size() > kMaxLiteralBytes) {
        say({.code = Code::E328,
             .span = value.span,
             .message = fmt::format("this literal has {} bytes", bytes.size()),
             .help = fmt::format("a literal has at most {} bytes", kMaxLiteralBytes)});
        return never(span);
    }
    if (policy::is_contains(bytes_op) && !bytes.empty()) ++payload_searches_;
    return add(span, policy::PayloadMatch{bytes_op, bytes, negated});
}

policy::ExprId ConditionChecker::compare_text(const Operand& lhs, const ast::Compare& node, const Operand& rhs,
                                              Span span) {
    if (rhs.kind != Kind::kValue && rhs.kind != Kind::kValues) return mismatch(lhs, node, rhs);
    if (lhs.kind == Kind::kSlice) {
        if (is_text_search(node.op) || is_order(node.op)) {
            say({.code = Code::E321,
                 .span = node.op_span,
                 .message = fmt::format("`{}` does not apply to a slice", text(node.op_span)),
                 .help = "a slice takes == != and in"});
            return never(span);
        }
        if (!operator_fits(node, packet::Type::kBytes, rhs)) return never(span);
    }
    const bool negated = is_negated(node.op);
    if (lhs.kind == Kind::kField && is_membership(node.op) && is_set_of_names(lhs.field, *rhs.values))
        return in_names(lhs, rhs, negated, span);
    if (rhs.kind == Kind::kValue) return one_text(lhs, node.op, rhs.values->front(), negated, span);
    if (rhs.values->size() > kMaxExprs) {
        too_large(span);
        return never(span);
    }
    std::vector<policy::ExprId> each;
    for (const PlacedValue& value : *rhs.values) each.push_back(one_text(lhs, node.op, value, negated, span));
    return negated ? add(span, policy::And{std::move(each)}) : add(span, policy::Or{std::move(each)});
}

std::string ConditionChecker::name_literal(const PlacedValue& value, std::string name, policy::BytesOp op) {
    std::string folded = name;
    for (char& c : folded) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (op == policy::BytesOp::kEq && folded.size() > 1 && folded.back() == '.') folded.pop_back();
    if (folded != name)
        say({.code = Code::W448,
             .span = value.span,
             .message = "names of packets have small letters and no final dot",
             .help = "it is compared as such a name",
             .fix = Fix{value.span, quoted(folded)}});
    return folded;
}

policy::ExprId ConditionChecker::text_match(const Operand& lhs, policy::BytesOp op, const PlacedValue& value,
                                            std::string bytes, bool negated, Span span) {
    using policy::BytesOp;
    const packet::Field& field = packet::field(lhs.field);
    const bool is_name = field.type == packet::Type::kDomain;
    if (is_name && !std::holds_alternative<Text>(value.value)) {
        say({.code = Code::E320,
             .span = value.span,
             .message = fmt::format("`{}` is compared with {}", text(lhs.span), value_kind(value.value)),
             .help = "a name compares with \"…\""});
        return never(span);
    }
    if (bytes.size() > kMaxTextBytes) {
        say({.code = Code::E328,
             .span = value.span,
             .message = fmt::format("this literal has {} bytes", bytes.size()),
             .help = fmt::format("a literal for a name or a text has at most {} bytes", kMaxTextBytes)});
        return never(span);
    }
    if (is_name) {
        bytes = name_literal(value, std::move(bytes), op);
        if (op == BytesOp::kEndsWith && !bytes.empty() && bytes.front() != '.')
            say({.code = Code::W449,
                 .span = span,
                 .message = fmt::format("`not{}` ends with this, too", bytes),
                 .help = fmt::format("for the name and all names under it write `{} in {{ {} }}`", field.name,
                                     quoted(bytes))});
    }
    if (policy::is_contains(op) && !bytes.empty()) ++payload_searches_;
    return add(span, policy::TextMatch{lhs.field, op, std::move(bytes), negated});
}

policy::ExprId ConditionChecker::compare_texts(const Operand& lhs, const ast::Compare& node, const Operand& rhs,
                                               Span span) {
    const bool negated = node.op == ast::Comparison::kNe;
    if (packet::field(lhs.field).type == packet::Type::kDomain && lhs.field != rhs.field) {
        say({.code = Code::W403,
             .span = span,
             .message = fmt::format("`{}` is never true", text(span)),
             .help = "no packet has both of these names"});
        return never(span);
    }
    return add(span, policy::TextCompare{lhs.field, rhs.field, negated});
}

}  // namespace weir::sema
