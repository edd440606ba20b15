// W413: entries of a list or a set that other entries of it have, too.
#pragma once

#include <vector>

#include "compiler/policy/typed_policy.h"
#include "grammar/ast.h"
#include "grammar/diagnostic.h"
#include "grammar/source.h"

namespace weir::sema {

// Each entry of a list `{ … }` that one other has, with a fix that takes it away; of a set that is read from a file how
// many there are. Names and tuples in lists are not looked at.
void warn_covered(const Sources& sources, const std::vector<ast::Policy>& policies, const policy::TypedPolicy& policy,
                  Diagnostics& diagnostics);

}  // namespace weir::sema
