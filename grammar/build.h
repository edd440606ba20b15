// syntax::Node -> ast, one item at a time.
#pragma once

#include "grammar/ast.h"
#include "grammar/diagnostic.h"
#include "grammar/source.h"
#include "grammar/syntax_tree.h"

namespace weir {

// Adds the item to `policy`. Errors in its literals and names go to `diagnostics`.
void build_item(const Sources& sources, const syntax::Node& item, ast::Policy& policy, Diagnostics& diagnostics);

}  // namespace weir
