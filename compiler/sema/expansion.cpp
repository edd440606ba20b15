// Tested by tests/unit/sema/expansion_test.cpp.
// What functions and named sets expand to: counted while it is made, shared where it is the same, refused before it is
// too much. A policy of forty lines can ask for 2^40 comparisons.
#include "compiler/sema/expansion.h"

#include <algorithm>

#include <fmt/format.h>

#include "compiler/sema/condition.h"

namespace weir::sema {

using Kind = Operand::Kind;

namespace {

constexpr std::size_t kMaxKnownCalls = 64;  // of a function: they are tried one after another

// With fewer values a comparison is made faster than it is looked up.
constexpr std::size_t kSharedValues = 8;

}  // namespace

void ConditionChecker::begin_condition() {
    expanded_ = 0;
    size_said_ = false;
}

void ConditionChecker::set_rule(std::string name) {
    rule_ = std::move(name);
    begin_condition();
}

void ConditionChecker::too_large(Span span) {
    if (size_said_) return;
    size_said_ = true;
    if (open_calls_ != 0) span = outermost_call_;
    say({.code = Code::E506,
         .span = span,
         .message = fmt::format("with all names expanded, this condition has more than {} comparisons, or nests more "
                                "than {} levels deep",
                                kMaxExprs, kMaxDepth),
         .help = "split the rule, or put the values into a set"});
}

void ConditionChecker::count_expanded() {
    ++together_;
    if (++expanded_ > kMaxExprs) too_large(outermost_call_);
}

void ConditionChecker::discard_since(const Made& before) {
    typed_.exprs.resize(before.exprs);
    std::vector<policy::NegatedComparison>& negated = typed_.negated_comparisons;
    while (!negated.empty() && static_cast<std::size_t>(negated.back().negation) >= before.exprs) negated.pop_back();
    sizes_.resize(before.exprs);
    depths_.resize(before.exprs);
    expanded_ = before.expanded;
    together_ = before.together;
}

bool ConditionChecker::take_condition(policy::ExprId condition, Span span) {
    const bool had_room = together_ <= kMaxExprsTogether;
    together_ += sizes_[static_cast<std::size_t>(condition)];
    if (had_room && together_ > kMaxExprsTogether)
        say({.code = Code::E520,
             .span = span,
             .message = fmt::format("with all names expanded, the conditions up to here have more than {} comparisons",
                                    kMaxExprsTogether),
             .help = "put the values into sets; write the condition that many rules share once, in one rule"});
    return together_ <= kMaxExprsTogether;
}

bool ConditionChecker::take_elements(std::size_t count, Span span) {
    const bool had_room = elements_ <= kMaxElementsTogether;
    elements_ += count;
    if (had_room && elements_ > kMaxElementsTogether)
        say({.code = Code::E503,
             .span = span,
             .message = fmt::format("with all names expanded, the set literals up to here have more than {} elements",
                                    kMaxElementsTogether),
             .help = "declare a set: `set NAME : TYPE from \"FILE\"`; it is kept once, however many rules use it"});
    return elements_ <= kMaxElementsTogether;
}

const ConditionChecker::KnownCall* ConditionChecker::known_call(const ast::Let& function,
                                                                const std::vector<Operand>& arguments) const {
    const auto calls = known_calls_.find(&function);
    if (calls == known_calls_.end()) return nullptr;
    const auto known = std::find_if(calls->second.begin(), calls->second.end(), [&](const KnownCall& call) {
        return std::equal(arguments.begin(), arguments.end(), call.arguments.begin(), same_meaning);
    });
    return known == calls->second.end() ? nullptr : &*known;
}

// A function's body with its arguments put in.
Operand ConditionChecker::expand(const Names::LetPlace& function, std::vector<Operand> arguments, Span span) {
    const ast::Let& let = *function.let;
    if (const KnownCall* known = known_call(let, arguments)) {
        payload_searches_ += known->payload_searches;
        return {.kind = Kind::kCondition, .span = span, .condition = known->body};
    }
    if (open_calls_ == 0) outermost_call_ = span;
    if (std::find(open_lets_.begin(), open_lets_.end(), &let) != open_lets_.end() ||
        open_lets_.size() >= kMaxLetDepth) {
        say({.code = Code::E205,
             .span = span,
             .message = fmt::format("`{}` calls itself", let.name.text),
             .help = "there is no recursion"});
        return {.span = span};
    }
    const std::size_t before_errors = errors(), warnings = diagnostics_.warnings(), searches = payload_searches_;
    ++open_calls_;
    count_expanded();
    Operand expanded{.span = span};
    if (expanded_ <= kMaxExprs && together_ <= kMaxExprsTogether) {
        Arguments by_name;
        for (std::size_t i = 0; i < arguments.size(); ++i) by_name.emplace(let.parameters[i].text, arguments[i]);
        open_lets_.push_back(&let);
        expanded.condition = condition({function.policy, &by_name}, let.value);
        expanded.kind = Kind::kCondition;
        open_lets_.pop_back();
    } else if (together_ > kMaxExprsTogether) {
        take_condition(never(span), span);
    }
    --open_calls_;
    const bool silent = errors() == before_errors && diagnostics_.warnings() == warnings;
    std::vector<KnownCall>& calls = known_calls_[&let];
    if (silent && expanded_ <= kMaxExprs && expanded.kind == Kind::kCondition && calls.size() < kMaxKnownCalls)
        calls.push_back({std::move(arguments), expanded.condition, payload_searches_ - searches});
    return expanded;
}

std::optional<ConditionChecker::ComparisonKey> ConditionChecker::key_of(const Operand& lhs, const ast::Compare& node,
                                                                        const Operand& rhs) {
    const bool shared = rhs.is_named && rhs.values && rhs.values->size() > kSharedValues;
    if (!shared || (lhs.kind != Kind::kField && lhs.kind != Kind::kTuple)) return std::nullopt;
    return ComparisonKey{lhs.kind == Kind::kField ? std::vector{lhs.field} : lhs.fields, lhs.mask, node.op,
                         rhs.values.get()};
}

}  // namespace weir::sema
