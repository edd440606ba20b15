// A document's items: symbols, what can be folded, and the lenses that run tests.
#pragma once

#include "tooling/lsp/library.h"

namespace weir::tooling::lsp {

inline constexpr const char* kRunTest = "weir.runTest";  // [URI] or [URI, name of a test]

Json symbols(const ParsedFile& file);
Json folds(const ParsedFile& file);
Json lenses(const ParsedFile& file);

}  // namespace weir::tooling::lsp
