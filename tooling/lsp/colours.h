// Semantic tokens: what each word of a text is.
#pragma once

#include "tooling/lsp/library.h"

namespace weir::tooling::lsp {

// The legend that the server announces.
Json token_types();
Json token_modifiers();
// `{"data": [...]}`, five numbers a token.
Json colours(const ParsedFile& file);

}  // namespace weir::tooling::lsp
