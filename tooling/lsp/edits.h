// Changes of a document: the canonical layout, and the fixes of what is wrong with it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tooling/lsp/findings.h"
#include "tooling/lsp/library.h"

namespace weir::tooling::lsp {

// TextEdits as `weir fmt` would change it; nothing where it has errors of syntax.
std::optional<Json> formatted(const ParsedFile& file);

// Fixes of what is wrong within `range`, and all that are certain together. `findings`: of the document as it is now.
Json code_actions(const Library& library, const Document& document, Range range, const std::vector<Finding>& findings);

}  // namespace weir::tooling::lsp
