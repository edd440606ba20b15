// What operators of comparisons are.
#pragma once

#include "compiler/policy/typed_policy.h"
#include "grammar/ast.h"

namespace weir::sema {

constexpr bool is_negated(ast::Comparison op) { return op == ast::Comparison::kNe || op == ast::Comparison::kNotIn; }
constexpr bool is_membership(ast::Comparison op) { return op == ast::Comparison::kIn || op == ast::Comparison::kNotIn; }
constexpr bool is_order(ast::Comparison op) {
    return op == ast::Comparison::kLt || op == ast::Comparison::kLe || op == ast::Comparison::kGt ||
           op == ast::Comparison::kGe;
}
constexpr bool is_nocase(ast::Comparison op) {
    return op == ast::Comparison::kContainsNocase || op == ast::Comparison::kStartsWithNocase ||
           op == ast::Comparison::kEndsWithNocase;
}
constexpr bool is_text_search(ast::Comparison op) {
    return op == ast::Comparison::kContains || op == ast::Comparison::kStartsWith || op == ast::Comparison::kEndsWith ||
           is_nocase(op);
}
constexpr policy::BytesOp bytes_op_of(ast::Comparison op) {
    switch (op) {
        case ast::Comparison::kContains: return policy::BytesOp::kContains;
        case ast::Comparison::kStartsWith: return policy::BytesOp::kStartsWith;
        case ast::Comparison::kEndsWith: return policy::BytesOp::kEndsWith;
        case ast::Comparison::kContainsNocase: return policy::BytesOp::kContainsNocase;
        case ast::Comparison::kStartsWithNocase: return policy::BytesOp::kStartsWithNocase;
        case ast::Comparison::kEndsWithNocase: return policy::BytesOp::kEndsWithNocase;
        default: return policy::BytesOp::kEq;
    }
}
constexpr bool is_equality(ast::Comparison op) { return op == ast::Comparison::kEq || op == ast::Comparison::kNe; }

}  // namespace weir::sema
