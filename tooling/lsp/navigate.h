// From a name to where it is declared and used, and to another name.
#pragma once

#include <string>

#include "tooling/lsp/library.h"

namespace weir::tooling::lsp {

Json definition(Library& library, const Document& document, Place place);
enum class Declaring : std::uint8_t { kLeftOut, kIncluded };
Json references(Library& library, const Document& document, Place place, Declaring declaring);
// Of this document alone.
Json highlights(Library& library, const Document& document, Place place);

// The range of a name that can be changed, or null.
Json prepare_rename(Library& library, const Document& document, Place place);
struct Renamed {
    Json edit{};            // a WorkspaceEdit over all files that use the name
    std::string problem{};  // why it cannot be; then there is no edit
};
Renamed rename(Library& library, const Document& document, Place place, const std::string& name);

}  // namespace weir::tooling::lsp
