// JSON of a peer that is not believed.
#pragma once

#include <string_view>

namespace weir::tooling {

// Is it nested deeper than any that weir, a ruleset or an editor writes? The library that reads it needs no stack for
// that, but it writes and walks values by recursion. To be asked before the text is parsed.
bool is_nested_too_deep(std::string_view json);

}  // namespace weir::tooling
