// Names and strings in sets: from files, and from literals.
// Tested by tests/verdict/name_sets_test.cpp with `dns.qname in`.
#include <fmt/format.h>

#include "compiler/policy/set_element.h"
#include "compiler/sema/check_items.h"
#include "grammar/base/domain_text.h"
#include "grammar/base/printable.h"

namespace weir::sema {
namespace {

constexpr std::size_t kMaxTextBytes = 512;  // bpf/templates/names.h
constexpr std::size_t kMaxShown = 60;

Code code_of(NameFault fault) {
    if (fault == NameFault::kWildcard || fault == NameFault::kLeadingDot) return Code::E360;
    return fault == NameFault::kNotAscii ? Code::E361 : Code::E362;
}

// What a diagnostic shows of what somebody else wrote: as much as fits into a line, in whole characters.
std::string shown(std::string_view text) {
    const std::string whole = printable(text.substr(0, kMaxShown));
    return text.size() <= kMaxShown ? whole : whole + "…";
}

}  // namespace

bool ItemChecker::name_line(const ast::Set& written, const FileLine& line, policy::Set& set) {
    const NameFault fault = read_name(line.text, name_);
    if (fault == NameFault::kNone) {
        set.entries.add_name(name_);
        return true;
    }
    say({.code = code_of(fault),
         .span = written.file_span,
         .message = fmt::format("{}:{}: `{}` {}", line.file, line.number, shown(line.text), name_fault_text(fault)),
         .help = name_fault_help(fault, line.text)});
    return false;
}

std::optional<std::string> ConditionChecker::literal_name(const PlacedValue& value) {
    const auto* written = std::get_if<Text>(&value.value);
    if (written == nullptr) {
        Diagnostic wrong{
            .code = Code::E320,
            .span = value.span,
            .message = fmt::format("`{}` is {}, and a name is a string", text(value.span), value_kind(value.value)),
            .help = "write a name in quotes: `\"example.com\"`"};
        if (std::holds_alternative<IpAddress>(value.value)) wrong.fix = Fix{value.span, '"' + text(value.span) + '"'};
        say(std::move(wrong));
        return std::nullopt;
    }
    std::string name;
    const NameFault fault = read_name(written->bytes, name);
    if (fault != NameFault::kNone) {
        Diagnostic wrong{.code = code_of(fault),
                         .span = value.span,
                         .message = fmt::format("`{}` {}", shown(written->bytes), name_fault_text(fault)),
                         .help = name_fault_help(fault, written->bytes)};
        if (const std::string meant = name_meant(written->bytes); !meant.empty()) {
            wrong.fix = Fix{value.span, '"' + meant + '"'};
            if (code_of(fault) != Code::E360) wrong.help.clear();  // it would say the same
        }
        say(std::move(wrong));
        return std::nullopt;
    }
    return name_literal(value, written->bytes, policy::BytesOp::kEq);
}

// A set of its own, without a name.
policy::ExprId ConditionChecker::in_names(const Operand& lhs, const Operand& rhs, bool negated, Span span) {
    const bool is_domain = packet::field(lhs.field).type == packet::Type::kDomain;
    policy::Set set;
    set.span = rhs.span;
    set.types = {is_domain ? policy::SetType::kDomain : policy::SetType::kText};
    const std::size_t before = errors();
    for (const PlacedValue& value : *rhs.values) {
        if (is_domain) {
            if (const auto name = literal_name(value)) set.entries.add_name(*name);
            continue;
        }
        const auto* written = std::get_if<Text>(&value.value);
        const auto* hex = std::get_if<HexBytes>(&value.value);
        if (written == nullptr && hex == nullptr) {
            say({.code = Code::E320,
                 .span = value.span,
                 .message = fmt::format("`{}` is compared with {}", text(lhs.span), value_kind(value.value)),
                 .help = "it compares with \"…\" and hex\"…\""});
            continue;
        }
        const std::string& bytes = written != nullptr ? written->bytes : hex->bytes;
        if (bytes.size() <= kMaxTextBytes)
            set.entries.add_name(bytes);
        else
            say({.code = Code::E328,
                 .span = value.span,
                 .message = fmt::format("this literal has {} bytes", bytes.size()),
                 .help = fmt::format("a string of a set has at most {} bytes", kMaxTextBytes)});
    }
    if (errors() != before) return never(span);
    set.entries.sort();
    set.size = set.entries.size();
    typed_.sets.push_back(std::move(set));
    return add(span, policy::InSet{{lhs.field}, static_cast<policy::SetId>(typed_.sets.size() - 1), negated});
}

}  // namespace weir::sema
