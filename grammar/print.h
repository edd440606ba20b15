// ast::Policy -> the one canonical layout (`weir fmt`), and a tree for `--emit ast`.
#pragma once

#include <string>

#include "grammar/ast.h"
#include "grammar/source.h"

namespace weir {

// The canonical text of a policy that parsed without errors. Comments stay where they stood. Idempotent:
// format(parse(format(x))) == format(x).
std::string format(const Sources& sources, const ast::Policy& policy);

// One line a node, indented, with line:column. For people; not a contract.
std::string dump(const Sources& sources, const ast::Policy& policy);

}  // namespace weir
