// Names, values, lets and functions: what the side of a comparison is.
// Tested by tests/unit/sema/names_test.cpp with `let `.
#include "compiler/sema/operand.h"

#include <algorithm>

#include <fmt/format.h>

#include "compiler/packet/value_names.h"
#include "compiler/sema/condition.h"
#include "compiler/sema/expansion.h"
#include "compiler/sema/foreign_fields.h"
#include "compiler/sema/foreign_values.h"
#include "grammar/parser.h"

namespace weir::sema {

using Kind = Operand::Kind;

namespace {

// How the state term of that name is written; empty where there is none.
std::string_view state_term_like(std::string_view name) {
    for (const std::string_view written : {"rate(ip.src) > 10/s", "byterate(ip.src) > 1MB/s"})
        if (written.substr(0, written.find('(')) == name) return written;
    return {};
}

constexpr std::uint64_t kMaxSliceBytes = 64;  // language.md, conditions
constexpr std::uint64_t kMaxSliceEnd = 1024;

Operand value_operand(Value value, Span span) {
    Operand operand{.kind = Kind::kValue, .span = span};
    operand.values = std::make_shared<std::vector<PlacedValue>>(1, PlacedValue{std::move(value), span});
    return operand;
}

}  // namespace

packet::Type type_of(const Operand& operand) {
    return operand.is_length ? packet::Type::kUint : packet::field(operand.field).type;
}

std::uint8_t width_of(const Operand& operand) {
    constexpr std::uint8_t kLengthBits = 16;
    return operand.is_length ? kLengthBits : packet::field(operand.field).bits;
}

bool same_meaning(const Operand& a, const Operand& b) {
    if (a.kind != b.kind || a.field != b.field || a.mask != b.mask || a.offset != b.offset || a.length != b.length ||
        a.is_length != b.is_length || a.set != b.set || a.width != b.width || a.fields != b.fields ||
        a.bits != b.bits || a.cuts != b.cuts)
        return false;
    if (a.values == b.values) return true;
    return a.values && b.values && a.values->size() == 1 && b.values->size() == 1 &&
           a.values->front().value == b.values->front().value;
}

std::string value_kind(const Value& value) {
    constexpr std::string_view kKinds[] = {
        "an integer",    "a range of integers",       "true or false",   "a duration",
        "a rate",        "a size in bytes",           "a rate of bytes", "an address",
        "a prefix",      "a range of addresses",      "a MAC address",   "a string",
        "a byte string", "a prefix of MAC addresses", "a share"};
    static_assert(std::size(kKinds) == std::variant_size_v<Value>);
    return std::string(kKinds[value.index()]);
}

std::optional<packet::FieldId> ConditionChecker::field(std::string_view name, Span span,
                                                       std::span<const packet::FieldId> compared) {
    if (const auto id = packet::find_field(name)) return id;
    const bool dotted = name.find('.') != std::string_view::npos;
    const std::string_view group = name.substr(0, name.find('.'));
    const FieldSuggestion meant = suggest_field(name);
    std::string near(meant.field);
    if (near.empty() && suggests(diagnostics_)) near = packet::nearest_field(name);
    constexpr std::size_t kShort = 3;  // letters: two of them changed make another word
    if (meant.field.empty() && name.size() <= kShort && edit_distance(name, near, 1) > 1) near.clear();
    Diagnostic unknown{.code = dotted ? Code::E201 : Code::E202,
                       .span = span,
                       .message = fmt::format("unknown {} `{}`", dotted ? "field" : "name", name)};
    if (dotted && packet::find_field(group)) unknown.label = fmt::format("not a field of `{}`", group);
    if (compared.size() == 1 && take_suggestion(unknown, compared.front(), name)) {
        say(std::move(unknown));
        return std::nullopt;
    }
    if (!meant.help.empty()) {
        unknown.help = meant.help;
        say(std::move(unknown));
        return std::nullopt;
    }
    if (const std::string_view term = state_term_like(name); !term.empty()) {
        unknown.help = fmt::format("write `{}`; without a key, `{}()`", term, name);
        near.clear();
    } else if (!meant.other.empty()) {
        unknown.help = fmt::format("use `{}` or `{}`", meant.field, meant.other);
        near.clear();
    } else if (!dotted) {
        Nearest named(name);
        for (const std::string& known :
             {nearest_name(names_.lets, name, diagnostics_), nearest_name(names_.sets, name, diagnostics_)})
            named.offer(known);
        if (!named.best().empty() &&
            (near.empty() || named.distance() < edit_distance(name, near, std::max(name.size(), near.size()))))
            near = named.best();
        unknown.help = compared.size() == 1 ? declaration_of(compared.front(), name)
                                            : "a name is a field, a let, a set or, inside a function, a parameter";
    }
    if (!near.empty()) {
        unknown.fix = Fix{span, near};
        unknown.help.clear();
    } else if (dotted && meant.other.empty()) {
        unknown.help = "docs/language.md lists all fields";
    }
    say(std::move(unknown));
    return std::nullopt;
}

Operand ConditionChecker::path(const Scope& scope, const std::string& name, Span span) {
    if (name.empty()) return {.span = span};  // said
    if (scope.arguments != nullptr) {
        if (const auto argument = scope.arguments->find(name); argument != scope.arguments->end()) {
            Operand operand = argument->second;
            operand.span = span;
            return operand;
        }
    }
    if (const auto found = names_.lets.find(name); found != names_.lets.end()) return let(found->second, span);
    if (const auto found = names_.sets.find(name); found != names_.sets.end())
        return {.kind = Kind::kSet, .span = span, .set = found->second};
    if (scope.compared.size() == 1)
        if (auto value = named_value(scope.compared.front(), name, span)) return std::move(*value);
    const auto id = field(name, span, scope.compared);
    if (!id) return {.span = span};
    return {.kind = Kind::kField, .span = span, .field = *id};
}

// Nothing where the name is none of the field's values, but may be another field. Says what is wrong where it is
// neither.
std::optional<Operand> ConditionChecker::named_value(packet::FieldId of, std::string_view name, Span span) {
    const std::span<const packet::ValueName> values = packet::value_names(of);
    const auto found =
        std::find_if(values.begin(), values.end(), [&](const packet::ValueName& one) { return one.name == name; });
    if (found != values.end()) return value_operand(Integer{found->value}, span);
    if (values.empty() || packet::find_field(name) || name.find('.') != std::string_view::npos) return std::nullopt;
    Diagnostic unknown{.code = Code::E202,
                       .span = span,
                       .message = fmt::format("`{}` has no value named `{}`", packet::field(of).name, name),
                       .help = "docs/language.md lists the names of values"};
    constexpr std::size_t kTellsApart = 5;  // letters; `af11` and `af12` are both meant as they are
    Nearest near(name);
    if (suggests(diagnostics_) && name.size() >= kTellsApart)
        for (const packet::ValueName& one : values) near.offer(one.name);
    if (!near.best().empty()) unknown.fix = Fix{span, near.best()}, unknown.help.clear();
    say(std::move(unknown));
    return Operand{.span = span};
}

Operand ConditionChecker::let(const Names::LetPlace& place, Span span) {
    const ast::Let& let = *place.let;
    if (let.is_function) {
        say({.code = Code::E212,
             .span = span,
             .message = fmt::format("`{}` is a function", let.name.text),
             .help = fmt::format("call it with {} argument{}", let.parameters.size(),
                                 let.parameters.size() == 1 ? "" : "s")});
        return {.span = span};
    }
    const auto known = lets_.find(&let);
    Operand operand;
    if (known != lets_.end()) {
        operand = known->second;
    } else {
        if (std::find(open_lets_.begin(), open_lets_.end(), &let) != open_lets_.end()) {
            say({.code = Code::E205,
                 .span = span,
                 .message = fmt::format("`{}` refers to itself", let.name.text),
                 .help = "a let must not use itself, directly or through other lets",
                 .notes = {{let.name.span, "declared here"}}});
            return {.span = span};
        }
        if (open_lets_.size() >= kMaxLetDepth) {
            say({.code = Code::E501,
                 .span = span,
                 .message = fmt::format("names refer to names more than {} levels deep", kMaxLetDepth)});
            return {.span = span};
        }
        open_lets_.push_back(&let);
        const Scope own{place.policy};
        operand = this->operand(own, let.value);
        open_lets_.pop_back();
        // A let may name a bool field as a condition, or stand for a field.
        ++operand.depth;
        if (operand.depth > kMaxLetDepth && operand.kind != Kind::kError) {
            say({.code = Code::E501,
                 .span = let.name.span,
                 .message = fmt::format("names refer to names more than {} levels deep", kMaxLetDepth)});
            operand = {};
        }
        operand.is_named = true;
        lets_.emplace(&let, operand);
    }
    operand.span = span;
    return operand;
}

Operand ConditionChecker::call(const Scope& scope, const ast::Call& call, Span span) {
    const auto found = names_.lets.find(call.function.text);
    if (found == names_.lets.end() || !found->second.let->is_function) {
        Diagnostic unknown{.code = found == names_.lets.end() ? Code::E202 : Code::E212,
                           .span = call.function.span,
                           .message = fmt::format("`{}` is not a function", call.function.text),
                           .help =
                               "functions are `let NAME(a, b) = CONDITION`; built in are len(), rate(), byterate(), "
                               "count() and distinct()"};
        constexpr std::string_view kByteOrder[] = {"htons", "htonl", "ntohs", "ntohl"};
        if (call.arguments.size() == 1 &&
            std::find(std::begin(kByteOrder), std::end(kByteOrder), call.function.text) != std::end(kByteOrder)) {
            unknown.help = "fields and values have one byte order: write the value alone";
            unknown.fix = Fix{span, text(scope.policy->expr(call.arguments.front()).span)};
        } else if (const std::string near = nearest_name(names_.lets, call.function.text, diagnostics_);
                   !near.empty() && found == names_.lets.end())
            unknown.fix = Fix{call.function.span, near};
        say(std::move(unknown));
        return {.span = span};
    }
    const ast::Let& let = *found->second.let;
    if (call.arguments.size() != let.parameters.size()) {
        say({.code = Code::E211,
             .span = span,
             .message = fmt::format("`{}` takes {} argument{}, not {}", let.name.text, let.parameters.size(),
                                    let.parameters.size() == 1 ? "" : "s", call.arguments.size()),
             .help = "give one argument for each parameter",
             .notes = {{let.name.span, "declared here"}}});
        return {.span = span};
    }
    std::vector<Operand> arguments;
    bool good = true;
    for (const ast::ExprId written : call.arguments) {
        Operand argument = operand(scope, written);
        if (argument.kind == Kind::kCondition) {
            say({.code = Code::E212,
                 .span = argument.span,
                 .message = "a condition cannot be an argument",
                 .help = "an argument is a field, a value, or the name of a set"});
        }
        good = good && argument.kind != Kind::kError && argument.kind != Kind::kCondition;
        arguments.push_back(std::move(argument));
    }
    if (!good) return {.span = span};
    return expand(found->second, std::move(arguments), span);
}

Operand ConditionChecker::masked(const Scope& scope, const ast::Masked& node, Span span) {
    Operand inner = operand(scope, node.operand);
    if (inner.kind == Kind::kError) return inner;
    if (inner.kind != Kind::kField || type_of(inner) != packet::Type::kUint) {
        say({.code = Code::E326,
             .span = inner.span,
             .message = fmt::format("`{}` is not an integer field", text(inner.span)),
             .help = inner.kind == Kind::kField && packet::field(inner.field).type == packet::Type::kPort
                         ? "ports have ranges: `tcp.dport in 8000..8191`"
                     : inner.kind == Kind::kField && packet::field(inner.field).type == packet::Type::kIp
                         ? "addresses have prefixes: `ip.src in 10.0.0.0/8`, and as a key `rate(ip.src/24) > 100/s`"
                         : "a mask applies to integers only: `tcp.flags & 0x3f == 0x02`"});
        return {.span = span};
    }
    inner.mask &= node.mask;
    inner.span = span;
    return inner;
}

Operand ConditionChecker::length(const Scope& scope, const ast::Length& node, Span span) {
    Operand inner = operand(scope, node.operand);
    if (inner.kind == Kind::kError) return {.span = span};
    if (inner.kind == Kind::kField && inner.field == packet::FieldId::kPayload)
        return {.kind = Kind::kField, .span = span, .field = packet::FieldId::kPayloadLen};
    const bool has_length = inner.kind == Kind::kField && inner.field != packet::FieldId::kIface &&
                            packet::is_name_or_text(packet::field(inner.field).type);
    if (has_length) {
        inner.is_length = true;
        inner.span = span;
        return inner;
    }
    say({.code = Code::E327,
         .span = inner.span,
         .message = fmt::format("`{}` has no length", text(inner.span)),
         .help = "len() takes `payload`, domain names and the strings of http"});
    return {.span = span};
}

Operand ConditionChecker::slice(const ast::Slice& node, Span span) {
    if (node.field.text != "payload") {
        say({.code = Code::E327,
             .span = node.field.span,
             .message = fmt::format("`{}` has no slices", node.field.text),
             .help = "only `payload` has slices: `payload[2:4]`"});
        return {.span = span};
    }
    if (node.length == 0 || node.length > kMaxSliceBytes || node.offset > kMaxSliceEnd ||
        node.offset + node.length > kMaxSliceEnd) {
        say({.code = Code::E328,
             .span = span,
             .message = fmt::format("this slice has {} bytes from offset {}", node.length, node.offset),
             .help =
                 fmt::format("a slice has 1 to {} bytes and ends within the first {}", kMaxSliceBytes, kMaxSliceEnd)});
        return {.span = span};
    }
    return {.kind = Kind::kSlice,
            .span = span,
            .field = packet::FieldId::kPayload,
            .offset = node.offset,
            .length = node.length};
}

// A tuple of fields; a tuple of values stands within a set literal only.
Operand ConditionChecker::tuple(const Scope& scope, const ast::Tuple& node, Span span) {
    Operand tuple{.kind = Kind::kTuple, .span = span};
    for (const ast::ExprId id : node.elements) {
        const Operand element = operand(scope, id);
        if (element.kind == Kind::kError) return {.span = span};
        if (element.kind == Kind::kValue && id == node.elements.front()) {
            const std::string written = text(span);
            say({.code = Code::E337,
                 .span = span,
                 .message = fmt::format("`{}` is neither a tuple of fields nor a set", written),
                 .help = "write the values of a set in braces",
                 .fix = Fix{span, fmt::format("{{ {} }}", std::string_view(written).substr(1, written.size() - 2))}});
            return {.span = span};
        }
        if (element.kind == Kind::kCut) {
            tuple.fields.push_back(element.field);
            tuple.cuts.push_back(element.bits);
            continue;
        }
        if (element.kind != Kind::kField || element.mask != ~std::uint64_t{0}) {
            say({.code = Code::E337,
                 .span = element.span,
                 .message = fmt::format("`{}` is not a field", text(element.span)),
                 .help = "a tuple consists of fields: `(ip.src, tcp.dport) in pairs`"});
            return {.span = span};
        }
        tuple.fields.push_back(element.field);
        tuple.cuts.push_back(element.bits);
    }
    return tuple;
}

Operand ConditionChecker::set_literal(const Scope& scope, const ast::SetLiteral& node, Span span) {
    auto values = std::make_shared<std::vector<PlacedValue>>();
    values->reserve(node.elements.size());
    std::size_t width = 0;
    const auto add_values = [&](const Operand& element) {
        if (element.kind == Kind::kError) return false;
        if (element.kind == Kind::kValue || element.kind == Kind::kValues) {
            if (values->size() + element.values->size() > kMaxSetElements * std::max<std::size_t>(width, 1)) {
                say({.code = Code::E503,
                     .span = span,
                     .message =
                         fmt::format("with all names expanded, this set has more than {} elements", kMaxSetElements),
                     .help = "put the elements into a file: `set NAME : TYPE from \"FILE\"`"});
                return false;
            }
            if (element.is_named && !take_elements(element.values->size(), span)) return false;
            for (const PlacedValue& value : *element.values) values->push_back({value.value, element.span});
            return true;
        }
        Diagnostic wrong{.code = Code::E324,
                         .span = element.span,
                         .message = fmt::format("`{}` is not a value", text(element.span)),
                         .help = "a set literal contains values and names of values"};
        if (scope.compared.size() == 1) take_suggestion(wrong, scope.compared.front(), text(element.span));
        say(std::move(wrong));
        return false;
    };
    for (const ast::ExprId id : node.elements) {
        const ast::Expr& written = scope.policy->expr(id);
        const auto* tuple = std::get_if<ast::Tuple>(&written.node);
        const std::size_t own_width = tuple == nullptr ? 1 : tuple->elements.size();
        if (width != 0 && own_width != width) {
            say({.code = Code::E324,
                 .span = written.span,
                 .message = fmt::format("an element with {} parts among elements with {}", own_width, width),
                 .help = "all elements of a set have one type"});
            return {.span = span};
        }
        width = own_width;
        if (tuple == nullptr) {
            if (!add_values(operand(scope, id))) return {.span = span};
            continue;
        }
        for (std::size_t i = 0; i < tuple->elements.size(); ++i) {
            Scope part = scope;
            part.compared =
                i < scope.compared.size() ? scope.compared.subspan(i, 1) : std::span<const packet::FieldId>();
            const Operand value = operand(part, tuple->elements[i]);
            if (value.kind == Kind::kValues) {
                say({.code = Code::E324,
                     .span = value.span,
                     .message = "a set inside a tuple",
                     .help = "write one tuple for each value"});
                return {.span = span};
            }
            if (!add_values(value)) return {.span = span};
        }
    }
    Operand operand{.kind = width > 1 ? Kind::kTuples : Kind::kValues, .span = span};
    operand.values = std::move(values);
    operand.width = width;
    return operand;
}

Operand ConditionChecker::operand(const Scope& scope, ast::ExprId id) {
    const ast::Expr& expr = scope.policy->expr(id);
    if (const auto* path = std::get_if<ast::Path>(&expr.node)) return this->path(scope, path->text, expr.span);
    if (const auto* node = std::get_if<ast::Cut>(&expr.node)) return cut(scope, *node, expr.span);
    if (const auto* literal = std::get_if<ast::Literal>(&expr.node)) return value_operand(literal->value, expr.span);
    if (const auto* set = std::get_if<ast::SetLiteral>(&expr.node)) return set_literal(scope, *set, expr.span);
    if (const auto* called = std::get_if<ast::Call>(&expr.node)) return call(scope, *called, expr.span);
    if (const auto* node = std::get_if<ast::Masked>(&expr.node)) return masked(scope, *node, expr.span);
    if (const auto* node = std::get_if<ast::Length>(&expr.node)) return length(scope, *node, expr.span);
    if (const auto* node = std::get_if<ast::Slice>(&expr.node)) return slice(*node, expr.span);
    if (const auto* node = std::get_if<ast::Tuple>(&expr.node)) return tuple(scope, *node, expr.span);
    Scope inner = scope;
    inner.top_level = false;
    inner.compared = {};
    return {.kind = Kind::kCondition, .span = expr.span, .condition = condition(inner, id)};
}

}  // namespace weir::sema
