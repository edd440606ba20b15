// W409: names that nothing uses.
#pragma once

#include <vector>

#include "grammar/ast.h"
#include "grammar/diagnostic.h"
#include "grammar/source.h"

namespace weir::sema {

// Of the last policy, the root, alone: an imported file declares more than one policy uses. A file without a rule is
// one that others import, and nothing is said of it.
void warn_unused(const Sources& sources, const std::vector<ast::Policy>& policies, Diagnostics& diagnostics);

}  // namespace weir::sema
