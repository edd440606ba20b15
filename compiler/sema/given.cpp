// Lets where only a value may stand: `rate(ip.src) > lim`, `for ban`, `ttl short`.
// Tested by tests/unit/sema/types_test.cpp with `let lim`.
#include <fmt/format.h>

#include "compiler/packet/value_names.h"
#include "compiler/sema/condition.h"
#include "compiler/sema/expansion.h"
#include "grammar/parser.h"

namespace weir::sema {
namespace {

// What a let is that stands for no value.
std::string kind_of(const ast::Let& let, const ast::Expr& value, const Names& names) {
    if (let.is_function) return "a function";
    if (std::holds_alternative<ast::SetLiteral>(value.node)) return "a set of values";
    if (std::holds_alternative<ast::Tuple>(value.node)) return "a tuple";
    if (std::holds_alternative<ast::Cut>(value.node)) return "a prefix of a field";
    const auto* path = std::get_if<ast::Path>(&value.node);
    if (path == nullptr) return "a condition";
    return names.sets.contains(path->text) ? "a set" : "a field";
}

}  // namespace

// Its text is followed without checking it: sets ask before they are known, and each let is checked on its own.
const Value* ConditionChecker::let_value(const std::string& name, Span span, const Value* like) {
    const std::string wanted = like == nullptr ? "a value" : value_kind(*like);
    const auto is_set_or_field = [&](const std::string& known) {
        return names_.sets.contains(known) || packet::find_field(known);
    };
    auto found = names_.lets.find(name);
    if (found == names_.lets.end()) {
        Diagnostic wrong{.code = Code::E350,
                         .span = span,
                         .message = fmt::format("`{}` is {}, not {}", name,
                                                names_.sets.contains(name) ? "a set" : "a field", wanted)};
        if (!is_set_or_field(name)) {
            wrong.code = Code::E202;
            wrong.message = fmt::format("unknown name `{}`", name);
            wrong.help = fmt::format("here stands {}, or the name of a let that is one", wanted);
            if (const std::string near = nearest_name(names_.lets, name, diagnostics_); !near.empty())
                wrong.fix = Fix{span, near}, wrong.help.clear();
        }
        say(std::move(wrong));
        return nullptr;
    }
    const Span declared = found->second.let->name.span;
    for (std::size_t depth = 0; depth <= kMaxLetDepth; ++depth) {
        const ast::Let& let = *found->second.let;
        const ast::Expr& expr = found->second.policy->expr(let.value);
        const auto* literal = let.is_function ? nullptr : std::get_if<ast::Literal>(&expr.node);
        if (literal != nullptr && (like == nullptr || like->index() == literal->value.index())) return &literal->value;
        const auto* path = let.is_function ? nullptr : std::get_if<ast::Path>(&expr.node);
        if (path != nullptr) found = names_.lets.find(path->text);
        if (path != nullptr && found != names_.lets.end()) continue;
        if (path != nullptr && !is_set_or_field(path->text)) return nullptr;  // check_let() says it
        const std::string kind = literal != nullptr ? value_kind(literal->value) : kind_of(let, expr, names_);
        say({.code = Code::E350,
             .span = span,
             .message = fmt::format("`{}` is {}, not {}", name, kind, wanted),
             .notes = {{declared, "declared here"}}});
        return nullptr;
    }
    return nullptr;  // it refers to itself, or is too deep: check_let() says it
}

std::optional<Value> ConditionChecker::given(const ast::Given& written, const Value& like) {
    if (written.let.empty()) return written.value;
    const Value* value = let_value(written.let, written.span, &like);
    return value == nullptr ? std::nullopt : std::optional(*value);
}

std::optional<std::uint64_t> ConditionChecker::given_integer(const ast::Given& written) {
    const auto value = given(written, Integer{});
    return value ? std::optional(std::get<Integer>(*value).value) : std::nullopt;
}

std::optional<Value> ConditionChecker::named_integer(std::optional<packet::FieldId> of, const ast::Name& name) {
    const Value like = Integer{};
    if (!names_.lets.contains(name.text) && of) {
        std::string small(name.text);
        for (char& c : small) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        if (const auto value = named_value(*of, small, name.span))
            return value->values ? std::optional(value->values->front().value) : std::nullopt;
    }
    const Value* value = let_value(name.text, name.span, &like);
    return value == nullptr ? std::nullopt : std::optional(*value);
}

}  // namespace weir::sema
