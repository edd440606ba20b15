// ast::Policy -> the one canonical layout (`weir fmt`), and a tree for `--emit ast`.
#pragma once

#include <string>

#include "grammar/ast.h"
#include "grammar/source.h"

namespace weir {

// The canonical text of a policy that parsed without errors. Comments stay in their places. Idempotent:
// format(parse(format(x))) == format(x).
std::string format(const Sources& sources, const ast::Policy& policy);

// One line for each node, indented, with line:column. For people; the format may change.
std::string dump(const Sources& sources, const ast::Policy& policy);

}  // namespace weir
