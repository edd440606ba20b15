// A place of a policy as people see it, and findings about a policy that are no diagnostics of the compiler.
#pragma once

#include <string>
#include <string_view>

#include "grammar/render.h"
#include "grammar/sarif.h"
#include "grammar/source.h"

namespace weir::tooling {

// The place, its line, and carets under it with `label`; every line indented and with its newline.
std::string excerpt(const Sources& sources, Span span, std::string_view label, Colour colour);

// Something that tests leave open.
struct Finding {
    std::string kind{};     // "not-covered", "mutant-not-noticed"
    std::string message{};  // lower case
    Span span{};
    std::string label{};  // beside the caret; may be empty
    std::string help{};   // one line; may be empty
    std::string rule{};   // that it is about; may be empty
};
// As `format` (PolicyOptions::format) has it: an excerpt for people, one object a line, a workflow command. Empty for
// sarif: see sarif_finding().
std::string render(const Finding& finding, const Sources& sources, const std::string& format, Colour colour);
SarifFinding sarif_finding(const Finding& finding, const Sources& sources);

}  // namespace weir::tooling
