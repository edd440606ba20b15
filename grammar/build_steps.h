// `test "NAME" { … }` of the syntax tree as ast::Test.
#pragma once

#include "grammar/ast.h"
#include "grammar/build_expr.h"
#include "grammar/syntax_tree.h"

namespace weir {

ast::Test build_test(ExprBuilder& builder, const syntax::Node& node);

}  // namespace weir
