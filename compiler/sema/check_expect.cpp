// `expect SET [not] contains X` of test blocks.
// Tested by tests/unit/sema/types_test.cpp with `expect`.
#include <fmt/format.h>

#include "compiler/policy/set_element.h"
#include "compiler/sema/check_tests.h"

namespace weir::sema {
policy::ExpectMember TestChecker::member(const ast::Policy& policy, const ast::ExpectStep& step, Span span) {
    policy::ExpectMember expected{{}, {}, step.negated, std::string(sources_.text(span))};
    const auto found = names_.sets.find(step.set.text);
    if (found == names_.sets.end()) {
        Diagnostic unknown{
            .code = Code::E202, .span = step.set.span, .message = fmt::format("unknown set `{}`", step.set.text)};
        if (const std::string near = nearest_name(names_.sets, step.set.text, conditions_.diagnostics()); !near.empty())
            unknown.fix = Fix{step.set.span, near};
        conditions_.say(std::move(unknown));
        return expected;
    }
    expected.set = found->second;
    const policy::Set& set = typed_.sets[static_cast<std::size_t>(found->second)];
    if (set.types.empty()) return expected;                  // said
    if (!set.dynamic && names_.lost_items) return expected;  // what changes it may be among what could not be read
    if (!set.dynamic || has_names(set.types)) {
        wrong(step.set.span, fmt::format("`{}` never changes", set.name), "`expect` checks sets that rules change");
        return expected;
    }
    const ast::Expr& value = policy.expr(step.value);
    std::vector<ast::ExprId> parts{step.value};
    if (const auto* tuple = std::get_if<ast::Tuple>(&value.node)) parts = tuple->elements;
    for (std::size_t i = 0; i < parts.size() && i < set.types.size(); ++i) {
        const auto* literal = std::get_if<ast::Literal>(&policy.expr(parts[i]).node);
        const auto element = literal == nullptr ? std::nullopt : policy::element_of(set.types[i], literal->value);
        if (element) expected.entry.push_back(*element);
    }
    if (parts.size() != set.types.size() || expected.entry.size() != parts.size())
        conditions_.say({.code = Code::E320,
                         .span = value.span,
                         .message = fmt::format("the set `{}` holds another type", set.name),
                         .notes = {{set.span, "its type is given here"}}});
    return expected;
}

}  // namespace weir::sema
