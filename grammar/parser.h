// text -> ast::Policy. Pure: the same text gives the same answer, and no text makes it crash, hang or exhaust memory.
#pragma once

#include <optional>
#include <string>

#include "grammar/ast.h"
#include "grammar/diagnostic.h"
#include "grammar/source.h"

namespace weir {

inline constexpr std::size_t kMaxFileBytes = 16u << 20;  // language.md, lexical rules
inline constexpr std::size_t kMaxNesting = 64;
inline constexpr std::size_t kMaxSetElements = 65536;  // literal elements of one set
inline constexpr std::size_t kMaxValues = 3'000'000;   // names and comparisons of a file together: 200 bytes each
inline constexpr std::size_t kMaxNameBytes = 63;

// Parses file `file` of `sources`. All syntax errors of the text go to `diagnostics` in one run: after an error the
// parser continues at the next item. Returns the items that could be read; check `diagnostics.has_errors()` before use.
ast::Policy parse(const Sources& sources, std::uint32_t file, Diagnostics& diagnostics);

}  // namespace weir
