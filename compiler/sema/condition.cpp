// Tested by tests/unit/sema/types_test.cpp with `check_mistakes`.
#include "compiler/sema/condition.h"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "bpf/abi.h"
#include "compiler/policy/reads.h"
#include "compiler/sema/expansion.h"
#include "grammar/base/check.h"

namespace weir::sema {
namespace {

// A negated comparison of a field that all live traffic has surprises nobody.
bool always_there(packet::FieldId id) {
    const std::uint8_t present = packet::present_bit(id);
    return present == WEIR_HAS_ALWAYS || present == WEIR_HAS_IFACE;
}

bool before(const Span& a, const Span& b) {
    return std::tie(a.file, a.begin, a.end) < std::tie(b.file, b.begin, b.end);
}

struct Opposite {
    std::string_view written;
    std::string_view other;
};
constexpr Opposite kOpposites[] = {{"==", "!="}, {"!=", "=="}, {"<", ">="},      {"<=", ">"},
                                   {">", "<="},  {">=", "<"},  {"in", "not in"}, {"not in", "in"}};

}  // namespace

ConditionChecker::ConditionChecker(const Sources& sources, const Names& names, policy::TypedPolicy& typed,
                                   Diagnostics& diagnostics)
    : sources_(sources), names_(names), typed_(typed), diagnostics_(diagnostics) {
    for (const Diagnostic& d : diagnostics.all())
        if (code_severity(d.code) == Severity::kError) misread_.push_back(d.span);
    std::sort(misread_.begin(), misread_.end(), before);
}

bool ConditionChecker::follows(const Diagnostic& diagnostic) const {
    const Span at = diagnostic.span;
    constexpr Code kUnknown[] = {Code::E202, Code::E208, Code::E209, Code::E210};
    const bool unknown = std::find(std::begin(kUnknown), std::end(kUnknown), diagnostic.code) != std::end(kUnknown);
    if (unknown && names_.may_be_lost(text(at))) return true;
    const auto next = std::lower_bound(misread_.begin(), misread_.end(), at, before);
    const auto overlaps = [&](const Span& span) {
        return span.file == at.file && span.begin < at.end && at.begin < span.end;
    };
    return (next != misread_.end() && overlaps(*next)) || (next != misread_.begin() && overlaps(*(next - 1)));
}

void ConditionChecker::say(Diagnostic diagnostic) {
    if (follows(diagnostic)) {
        ++unsaid_;
        return;
    }
    // A function's text is checked once a call, and is wrong once.
    const Span at = diagnostic.span;
    if (open_calls_ != 0 && !said_in_calls_.emplace(diagnostic.code, at.file, at.begin, at.end).second) return;
    diagnostic.rule = rule_;
    diagnostics_.add(std::move(diagnostic));
}

namespace {
// Comparisons that the node's code makes; many ranges are one search in a table.
std::uint64_t own_size(const decltype(policy::Expr::node)& node) {
    constexpr std::size_t kRangesInCode = 8;
    const auto of = [](std::size_t ranges, std::size_t each) {
        return ranges == 0 || ranges > kRangesInCode ? 1 : ranges * each;
    };
    if (const auto* in = std::get_if<policy::NumberIn>(&node)) return of(in->ranges.size(), 1);
    if (const auto* in = std::get_if<policy::MacIn>(&node)) return of(in->ranges.size(), 1);
    if (const auto* in = std::get_if<policy::AddressIn>(&node)) return 1 + of(in->ranges.size(), 2);
    if (const auto* in = std::get_if<policy::InSet>(&node)) return 3 + in->keys.size();
    return 1;
}
}  // namespace

policy::ExprId ConditionChecker::add(Span span, decltype(policy::Expr::node) node) {
    std::uint64_t size = own_size(node);
    std::uint32_t depth = 0;
    const auto take = [&](policy::ExprId id) {
        size += sizes_[static_cast<std::size_t>(id)];
        depth = std::max(depth, depths_[static_cast<std::size_t>(id)] + 1);
    };
    if (const auto* all = std::get_if<policy::And>(&node))
        std::for_each(all->operands.begin(), all->operands.end(), take);
    if (const auto* any = std::get_if<policy::Or>(&node))
        std::for_each(any->operands.begin(), any->operands.end(), take);
    if (const auto* negated = std::get_if<policy::Not>(&node)) take(negated->operand);
    if (size > kMaxExprs || depth > kMaxDepth) {
        too_large(span);
        node = policy::Constant{false};
        size = 1;
        depth = 0;
    }
    if (open_calls_ != 0) count_expanded();
    typed_.exprs.push_back({span, std::move(node)});
    sizes_.push_back(static_cast<std::uint32_t>(size));
    depths_.push_back(depth);
    return static_cast<policy::ExprId>(typed_.exprs.size() - 1);
}

template <typename Wanted, typename Written>
policy::ExprId ConditionChecker::junction(const Scope& scope, const Written& written, Span span) {
    Scope inner = scope;
    inner.top_level = scope.top_level && std::is_same_v<Wanted, policy::And>;
    if (std::is_same_v<Wanted, policy::Or>) inner.inside = "or";
    Wanted wanted;
    for (const ast::ExprId operand : written.operands) wanted.operands.push_back(condition(inner, operand));
    return add(span, std::move(wanted));
}

policy::ExprId ConditionChecker::negation(const Scope& scope, const ast::Not& node, Span span) {
    Scope inner = scope;
    inner.top_level = false;
    inner.inside = "not";
    const policy::ExprId operand = condition(inner, node.operand);
    const ast::Expr& written = scope.policy->expr(node.operand);
    const std::vector<packet::FieldId> fields = policy::compared_fields(typed_.expr(operand));
    const auto* comparison = std::get_if<ast::Compare>(&written.node);
    const auto absent = std::find_if_not(fields.begin(), fields.end(), always_there);
    const policy::ExprId made = add(span, policy::Not{operand});
    if (comparison == nullptr || absent == fields.end()) return made;
    policy::NegatedComparison negated{made, span, *absent, text(span), {}};
    const std::string op = text(comparison->op_span);
    const auto* opposite =
        std::find_if(std::begin(kOpposites), std::end(kOpposites), [&](const Opposite& o) { return o.written == op; });
    negated.help = opposite != std::end(kOpposites)
                       ? fmt::format("to match only packets that have the field, write `{} {} {}`",
                                     text(scope.policy->expr(comparison->lhs).span), opposite->other,
                                     text(scope.policy->expr(comparison->rhs).span))
                       : "to exclude packets without the field, add `and` and a condition that requires it";
    typed_.negated_comparisons.push_back(std::move(negated));
    return made;
}

policy::ExprId ConditionChecker::as_condition(const Operand& operand) {
    using Kind = Operand::Kind;
    if (operand.kind == Kind::kCondition) return operand.condition;
    if (operand.kind == Kind::kField && packet::field(operand.field).type == packet::Type::kBool)
        return add(operand.span, policy::Flag{operand.field});
    // A bare protocol name is a condition, and `payload` says that there is one.
    if (operand.kind == Kind::kValue) {
        if (const auto* constant = std::get_if<Boolean>(&operand.values->front().value))
            return add(operand.span, policy::Constant{constant->value});
    }
    if (operand.kind == Kind::kError) return never(operand.span);
    Diagnostic wrong{.code = Code::E323,
                     .span = operand.span,
                     .message = fmt::format("`{}` is not a condition", text(operand.span))};
    if (operand.kind == Kind::kField && operand.mask != ~std::uint64_t{0}) {
        wrong.help = "compare it with a value";
        wrong.fix = Fix{{operand.span.file, operand.span.end, operand.span.end}, " != 0"};
    } else if (operand.kind == Kind::kField)
        wrong.help = fmt::format("`{}` is {}: compare it with a value", packet::field(operand.field).name,
                                 packet::field(operand.field).type == packet::Type::kUint
                                     ? "an integer"
                                     : "a " + std::string(type_name(packet::field(operand.field).type)));
    else
        wrong.help = "a condition is a comparison, a bool field or the name of a condition";
    say(std::move(wrong));
    return never(operand.span);
}

policy::ExprId ConditionChecker::condition(const Scope& scope, ast::ExprId id) {
    const ast::Expr& expr = scope.policy->expr(id);
    if (const auto* any = std::get_if<ast::Or>(&expr.node)) return junction<policy::Or>(scope, *any, expr.span);
    if (const auto* all = std::get_if<ast::And>(&expr.node)) return junction<policy::And>(scope, *all, expr.span);
    if (const auto* negated = std::get_if<ast::Not>(&expr.node)) return negation(scope, *negated, expr.span);
    if (const auto* comparison = std::get_if<ast::Compare>(&expr.node)) return compare(scope, *comparison, expr.span);
    if (const auto* state = std::get_if<ast::StateRef>(&expr.node)) {
        state_term(scope, scope.policy->state_terms[state->index], expr.span);
        return add(expr.span, policy::Constant{true});  // it is tried after all of the condition
    }
    return as_condition(operand(scope, id));
}

void ConditionChecker::check_let(const Names::LetPlace& place) {
    if (place.let->is_function) return;  // its parameters have no types until it is used
    begin_condition();
    let(place, place.let->name.span);
}

}  // namespace weir::sema
