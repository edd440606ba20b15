// syntax::Node -> ast: what the words of one item mean.
#pragma once

#include "grammar/ast.h"
#include "grammar/diagnostic.h"
#include "grammar/source.h"
#include "grammar/syntax_tree.h"

namespace weir {

// Adds the item to `policy`; says in `diagnostics` what is wrong with its literals and names.
void build_item(const Sources& sources, const syntax::Node& item, ast::Policy& policy, Diagnostics& diagnostics);

}  // namespace weir
