// Where a file declares and uses names: what definition, references, rename and colours are made of.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/ast.h"
#include "grammar/source.h"

namespace weir::tooling::lsp {

// Lets, functions and sets share one name space (kValue); the others have one each. A parameter is of its let alone.
enum class Space : std::uint8_t { kValue, kRule, kAlert, kSink, kParameter };
enum class MarkKind : std::uint8_t { kUse, kLet, kFunction, kSet, kRule, kAlert, kSink, kParameter };

struct Mark {
    Space space = Space::kValue;
    MarkKind kind = MarkKind::kUse;  // else what is declared
    std::string name{};
    Span span{};
    Span scope{};  // of a parameter: its let
};

// In the order of the text. A path that may be a field or a name of a value is a mark, too: who declares it decides.
std::vector<Mark> marks_of(const ast::Policy& policy);
// The one that `offset` is in, or at the end of.
const Mark* mark_at(const std::vector<Mark>& marks, std::uint32_t offset);

}  // namespace weir::tooling::lsp
