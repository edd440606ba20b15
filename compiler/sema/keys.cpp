// What packets are told apart by: fields, and the first bits of addresses (`ip.src/24/56`).
// Tested by tests/unit/sema/types_test.cpp with `ip.src/24`.
#include <algorithm>

#include <fmt/format.h>

#include "compiler/sema/condition.h"

namespace weir::sema {

using Kind = Operand::Kind;

namespace {

constexpr unsigned kIp4Bits = 32, kIp6Bits = 128;
constexpr std::uint8_t kUsualIp6Bits = 64;  // of a network of hosts: RFC 4291, 2.5.1

bool is_whole_ip4(const packet::Field& field) { return field.bits == kIp4Bits; }  // those of ARP

}  // namespace

bool is_cut(const Operand& operand) {
    return operand.kind == Kind::kCut || std::any_of(operand.cuts.begin(), operand.cuts.end(),
                                                     [](const policy::AddressBits& bits) { return !bits.all(); });
}

bool ConditionChecker::cut_bits(const ast::Cut::Bits& written, unsigned most, std::uint8_t& bits) {
    if (written.count >= 1 && written.count <= most) {
        bits = static_cast<std::uint8_t>(written.count);
        return true;
    }
    Diagnostic wrong{
        .code = Code::E340,
        .span = written.span,
        .message = fmt::format("{} address cannot be cut to {} bit{}", most == kIp4Bits ? "an IPv4" : "an IPv6",
                               written.count, written.count == 1 ? "" : "s"),
        .help = fmt::format("write 1 to {}", most)};
    if (most == kIp4Bits && written.count > kIp4Bits && written.count <= kIp6Bits)
        wrong.help =
            fmt::format("the first number is for IPv4, 1 to 32; write `/32/{}` to cut IPv6 only", written.count);
    say(std::move(wrong));
    return false;
}

Operand ConditionChecker::cut(const Scope& scope, const ast::Cut& node, Span span) {
    Operand operand = path(scope, node.field.text, node.field.span);
    if (operand.kind == Kind::kError) return {.span = span};
    const bool is_address = operand.kind == Kind::kField && packet::field(operand.field).type == packet::Type::kIp;
    if (!is_address) {
        say({.code = Code::E341,
             .span = node.field.span,
             .message = fmt::format("`{}` is not the field of an address", node.field.text),
             .help = "only addresses have prefixes: `ip.src/24`"});
        return {.span = span};
    }
    const packet::Field& field = packet::field(operand.field);
    bool fits = cut_bits(node.ip4, kIp4Bits, operand.bits.ip4);
    if (is_whole_ip4(field) && node.ip6) {
        say({.code = Code::E340,
             .span = node.ip6->span,
             .message = fmt::format("`{}` is an IPv4 address", field.name),
             .help = "it takes one number of bits",
             .fix = Fix{node.ip6->span, ""}});
        fits = false;
    } else if (node.ip6) {
        fits = cut_bits(*node.ip6, kIp6Bits, operand.bits.ip6) && fits;
    } else if (!is_whole_ip4(field)) {
        operand.bits.ip6 = kUsualIp6Bits;
    }
    if (!fits) return {.span = span};
    operand.kind = Kind::kCut;
    operand.span = span;
    return operand;
}

policy::ExprId ConditionChecker::cut_compared(const Operand& lhs, const ast::Compare& node, const Operand& rhs,
                                              Span span) {
    using Op = ast::Comparison;
    const Operand& cut = is_cut(lhs) ? lhs : rhs;
    Diagnostic wrong{
        .code = Code::E342,
        .span = cut.span,
        .message = fmt::format("`{}` is a key, and cannot be compared", text(cut.span)),
        .help = "prefixes are for keys; a comparison has the prefix on its right: `ip.src in 10.0.0.0/24`"};
    const auto* prefix = rhs.kind == Kind::kValue ? std::get_if<IpPrefix>(&rhs.values->front().value) : nullptr;
    if (lhs.kind == Kind::kCut && prefix != nullptr) {
        const std::uint8_t bits = prefix->address.version == 4 ? cut.bits.ip4 : cut.bits.ip6;
        const bool is_in = node.op == Op::kEq || node.op == Op::kIn,
                   is_not = node.op == Op::kNe || node.op == Op::kNotIn;
        if (bits == prefix->length && (is_in || is_not))
            wrong.fix = Fix{span, fmt::format("{} {} {}", packet::field(cut.field).name, is_in ? "in" : "not in",
                                              to_string(*prefix))};
    }
    say(std::move(wrong));
    return never(span);
}

std::optional<policy::KeyField> ConditionChecker::key_field(const Scope& scope, ast::ExprId id) {
    const Operand keyed = operand(scope, id);
    if (keyed.kind == Kind::kError) return std::nullopt;
    const bool plain = keyed.kind == Kind::kField && keyed.mask == ~std::uint64_t{0} && !keyed.is_length;
    if (!plain && keyed.kind != Kind::kCut) {
        say({.code = Code::E337,
             .span = keyed.span,
             .message = fmt::format("`{}` is not a field", text(keyed.span)),
             .help = "a key is a field of the packet"});
        return std::nullopt;
    }
    const packet::Type type = packet::field(keyed.field).type;
    if (type == packet::Type::kBytes || keyed.field == packet::FieldId::kIface) {
        wrong_term(keyed.span, fmt::format("`{}` cannot be a key", text(keyed.span)),
                   "keys are addresses, ports, integers, bool fields, names and texts");
        return std::nullopt;
    }
    return policy::KeyField{keyed.field, keyed.bits};
}

}  // namespace weir::sema
