// What may be written at a place.
#pragma once

#include "tooling/lsp/library.h"

namespace weir::tooling::lsp {

// A CompletionList.
Json complete(Library& library, const Document& document, Place place);

}  // namespace weir::tooling::lsp
