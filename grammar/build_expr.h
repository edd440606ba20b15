// Conditions, operands and literals of the syntax tree as ast::Exprs. The base of the item builder.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "grammar/ast.h"
#include "grammar/diagnostic.h"
#include "grammar/source.h"
#include "grammar/syntax_tree.h"

namespace weir {

class ExprBuilder {
public:
    ExprBuilder(const Sources& sources, ast::Policy& policy, Diagnostics& diagnostics)
        : sources_(sources), policy_(policy), diagnostics_(diagnostics) {}

    // A condition, operand or term: any node that can be a value.
    ast::ExprId expr(const syntax::Node& node);
    // A word, string or hex"…". Integer 0 after an error, which has been reported.
    ast::Literal literal(const syntax::Node& node);
    // The same, or the name of a let.
    ast::Given given(const syntax::Node& node);
    // Of a whole number; 1 after an error, which has been reported.
    ast::Given given_integer(const syntax::Node& word, std::string_view what);
    std::optional<std::uint64_t> integer(const syntax::Node& word, std::string_view what);
    ast::Name name(const syntax::Node& node);
    std::string string(const syntax::Node& node);

    Span span(const syntax::Node& node) const { return {policy_.file, node.begin, node.end}; }
    std::string_view text(const syntax::Node& node) const { return sources_.text(span(node)); }
    void say(Code code, Span where, std::string message, std::string help = {});
    ast::Policy& policy() { return policy_; }

private:
    ast::ExprId add(Span span, decltype(ast::Expr::node) node);
    template <typename Node>
    ast::ExprId operands(const syntax::Node& node);
    ast::ExprId negated(const syntax::Node& node);
    ast::ExprId comparison(const syntax::Node& node);
    ast::ExprId state_term(const syntax::Node& node, const syntax::Node& call_term);
    void least(const syntax::Node& argument, ast::StateTerm& state);
    ast::ExprId masked(const syntax::Node& node);
    ast::ExprId paren(const syntax::Node& node);
    ast::ExprId set_literal(const syntax::Node& node);
    ast::ExprId term(const syntax::Node& node);
    ast::ExprId call(const syntax::Node& node);
    ast::ExprId slice(const syntax::Node& node);
    ast::ExprId word(const syntax::Node& node);
    ast::ExprId cut(const syntax::Node& node);
    std::optional<ast::Comparison> comparator(const syntax::Node& node) const;

    const Sources& sources_;
    ast::Policy& policy_;
    Diagnostics& diagnostics_;
};

}  // namespace weir
